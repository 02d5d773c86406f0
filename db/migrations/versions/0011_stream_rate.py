"""stream rate"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_rate",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("tokens", mysql.DOUBLE(), server_default=sa.text("0"), nullable=False),
        sa.Column("refilled_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_stream_rate_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream_rate")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
