"""change_log"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "change_log",
        sa.Column("change_id", mysql.BIGINT(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("cutover_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("before_row", sa.JSON(), nullable=True, comment="NULL for an insert"),
        sa.Column("after_row", sa.JSON(), nullable=True, comment="NULL for a delete"),
        sa.Column("exported", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_change_log")),
        sa.Index(
            op.f("ix_change_log_cutover_id_stream_id_exported_change_id"),
            "cutover_id",
            "stream_id",
            "exported",
            "change_id",
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
