"""planes: known by their tail number"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS planes (
            tailnum VARCHAR(6) NOT NULL,
            year SMALLINT UNSIGNED NULL,
            type VARCHAR(40) NOT NULL,
            manufacturer VARCHAR(40) NOT NULL,
            model VARCHAR(24) NOT NULL,
            engines TINYINT UNSIGNED NOT NULL,
            seats SMALLINT UNSIGNED NOT NULL,
            speed SMALLINT UNSIGNED NULL,
            engine VARCHAR(16) NOT NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (tailnum),
            KEY ix_planes_manufacturer_model (manufacturer, model)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE planes")
