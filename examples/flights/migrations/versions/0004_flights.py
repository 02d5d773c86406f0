"""flights: one row for each, complete once it has arrived or was cancelled"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS flights (
            year SMALLINT NOT NULL,
            month TINYINT NOT NULL,
            day TINYINT NOT NULL,
            carrier VARCHAR(2) NOT NULL,
            flight SMALLINT NOT NULL,
            origin VARCHAR(3) NOT NULL,
            dest VARCHAR(3) NOT NULL,
            tailnum VARCHAR(6) NULL,
            status ENUM('scheduled', 'departed', 'arrived', 'cancelled') NOT NULL,
            scheduled_at DATETIME NOT NULL,
            departed_at DATETIME NULL,
            scheduled_departure VARCHAR(5) NOT NULL,
            scheduled_arrival VARCHAR(5) NOT NULL,
            departure VARCHAR(5) NULL,
            arrival VARCHAR(5) NULL,
            departure_delay SMALLINT NULL,
            arrival_delay SMALLINT NULL,
            air_time SMALLINT UNSIGNED NULL,
            distance SMALLINT UNSIGNED NOT NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (year, month, day, carrier, flight, origin),
            KEY ix_flights_tailnum_scheduled_at (tailnum, scheduled_at),
            KEY ix_flights_dest_scheduled_at (dest, scheduled_at),
            KEY ix_flights_status (status)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE flights")
