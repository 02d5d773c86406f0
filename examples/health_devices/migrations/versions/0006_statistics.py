"""statistics: active devices by region and model, what each device counts for, and the owners of devices"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS active_devices (
            region ENUM('us', 'jp', 'cn', 'sg', 'eu') NOT NULL,
            model VARCHAR(40) NOT NULL,
            devices INT UNSIGNED NOT NULL,
            PRIMARY KEY (region, model)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)
    op.execute("""
        CREATE TABLE IF NOT EXISTS active_device_members (
            device_id BIGINT NOT NULL,
            region ENUM('us', 'jp', 'cn', 'sg', 'eu') NOT NULL,
            model VARCHAR(40) NOT NULL,
            devices INT UNSIGNED NOT NULL,
            PRIMARY KEY (device_id, region, model),
            KEY ix_active_device_members_region_model (region, model)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)
    op.execute("""
        CREATE TABLE IF NOT EXISTS device_owners (
            region ENUM('us', 'jp', 'cn', 'sg', 'eu') NOT NULL,
            owners INT UNSIGNED NOT NULL,
            devices_each DECIMAL(8, 2) NULL,
            PRIMARY KEY (region)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE device_owners")
    op.execute("DROP TABLE active_device_members")
    op.execute("DROP TABLE active_devices")
