"""device_sensors: one row for each element of a device's sensors"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS device_sensors (
            device_id BIGINT NOT NULL,
            kind VARCHAR(16) NOT NULL,
            unit VARCHAR(12) NOT NULL,
            every_seconds SMALLINT UNSIGNED NOT NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (device_id, kind)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE device_sensors")
