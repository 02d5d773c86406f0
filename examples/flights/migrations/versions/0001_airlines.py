"""airlines: sixteen carriers"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE IF NOT EXISTS airlines (
            carrier VARCHAR(2) NOT NULL,
            name VARCHAR(40) NOT NULL,
            source_sequence BIGINT NOT NULL,
            PRIMARY KEY (carrier)
        ) ENGINE = InnoDB, DEFAULT CHARACTER SET utf8mb4, COLLATE utf8mb4_0900_bin
    """)


def downgrade() -> None:
    op.execute("DROP TABLE airlines")
