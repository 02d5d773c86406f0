"""measurements: by far the largest table, so two indexes and no more"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS measurements (
            id VARCHAR(32) NOT NULL,
            device_id BIGINT NOT NULL,
            user_id VARCHAR(32) NOT NULL,
            kind ENUM('heart_rate', 'weight', 'glucose', 'steps', 'temperature') NOT NULL,
            value DECIMAL(9, 3) NOT NULL,
            unit VARCHAR(12) NOT NULL,
            taken_at DATETIME(6) NOT NULL,
            received_at DATETIME(3) NOT NULL,
            quality TINYINT UNSIGNED NOT NULL,
            note VARCHAR(200) NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (id),
            KEY ix_measurements_device_id_taken_at (device_id, taken_at),
            KEY ix_measurements_user_id_kind_taken_at (user_id, kind, taken_at)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE measurements")
