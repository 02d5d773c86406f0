"""users: the login is unique, so this table is written the strict way"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS users (
            id VARCHAR(32) NOT NULL,
            region ENUM('us', 'jp', 'cn', 'sg', 'eu') NOT NULL,
            login VARCHAR(120) NOT NULL,
            email_verified TINYINT(1) NULL,
            display_name VARCHAR(80) NULL,
            birth_date DATE NULL,
            height_cm DECIMAL(4, 1) NULL,
            language VARCHAR(8) NULL,
            password_hash VARBINARY(64) NOT NULL,
            created_at DATETIME(3) NOT NULL,
            modified_at DATETIME(6) NOT NULL,
            origin VARCHAR(16) NOT NULL,
            attributes JSON NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (id),
            UNIQUE KEY uq_users_login (login),
            KEY ix_users_region_created_at (region, created_at)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE users")
