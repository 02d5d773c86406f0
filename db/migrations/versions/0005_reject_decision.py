"""reject decision"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reject_decision",
        sa.Column("decision_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("state", sa.Enum("open", "accepted", "fixed"), nullable=False, comment="what the pattern became"),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("because", sa.String(length=1000), nullable=False),
        sa.Column("rejects", mysql.BIGINT(unsigned=True), nullable=False, comment="how many the pattern had then"),
        sa.Column("decided_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["reject_pattern.pattern_id"], name=op.f("fk_reject_decision_pattern_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_reject_decision")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
