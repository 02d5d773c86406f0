"""reject hour"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reject_hour",
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("hour", mysql.DATETIME(), autoincrement=False, nullable=False),
        sa.Column("rejects", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("pattern_id", "hour", name=op.f("pk_reject_hour")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
