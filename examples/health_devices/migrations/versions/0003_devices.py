"""devices: the legacy id is wider than 32 bits"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS devices (
            id BIGINT NOT NULL,
            owner_id VARCHAR(32) NULL,
            region ENUM('us', 'jp', 'cn', 'sg', 'eu') NOT NULL,
            model VARCHAR(40) NOT NULL,
            firmware VARCHAR(16) NOT NULL,
            mac VARBINARY(6) NOT NULL,
            paired_at DATETIME(6) NOT NULL,
            battery DECIMAL(4, 3) NULL,
            cycles INT UNSIGNED NOT NULL,
            status ENUM('active', 'paused', 'lost', 'retired') NOT NULL,
            settings JSON NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (id),
            KEY ix_devices_owner_id (owner_id),
            KEY ix_devices_model_status (model, status)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE devices")
