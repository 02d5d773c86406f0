"""user_consents: one row for each element of a user's consents"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS user_consents (
            user_id VARCHAR(32) NOT NULL,
            purpose VARCHAR(32) NOT NULL,
            granted TINYINT(1) NOT NULL,
            version INT UNSIGNED NOT NULL,
            decided_at DATETIME NOT NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (user_id, purpose),
            KEY ix_user_consents_purpose (purpose, granted)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE user_consents")
