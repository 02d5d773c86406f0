"""target health"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "target_health",
        sa.Column("id", mysql.TINYINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("threads_running", mysql.BIGINT(), nullable=True),
        sa.Column("history_length", mysql.BIGINT(), nullable=True),
        sa.Column("replica_lag_ms", mysql.BIGINT(), nullable=True),
        sa.Column("max_threads_running", mysql.BIGINT(), nullable=True, comment="NULL: no limit"),
        sa.Column("max_history_length", mysql.BIGINT(), nullable=True, comment="NULL: no limit"),
        sa.Column("max_replica_lag_ms", mysql.BIGINT(), nullable=True, comment="NULL: no limit"),
        sa.Column("throttled", sa.String(length=500), server_default="", nullable=False, comment="why; empty: not"),
        sa.Column(
            "measured_at", mysql.DATETIME(fsp=6), server_default=sa.text("'2000-01-01 00:00:00'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_health")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.execute(
        "INSERT IGNORE INTO target_health (id, max_threads_running, max_history_length, max_replica_lag_ms) "
        "VALUES (1, 150, 5000000, 30000)"
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
