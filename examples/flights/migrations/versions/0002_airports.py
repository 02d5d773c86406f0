"""airports: coordinates exact to every digit that the source gives"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS airports (
            faa VARCHAR(3) NOT NULL,
            name VARCHAR(80) NOT NULL,
            latitude DECIMAL(18, 15) NOT NULL,
            longitude DECIMAL(18, 15) NOT NULL,
            altitude_ft INT NOT NULL,
            utc_offset_hours TINYINT NOT NULL,
            dst ENUM('A', 'N', 'U') NOT NULL,
            time_zone VARCHAR(40) NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (faa),
            KEY ix_airports_time_zone (time_zone)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE airports")
