"""statement plans: how each of the application's statements was run when it last passed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_plan",
        sa.Column("name", sa.String(length=120), autoincrement=False, nullable=False),
        sa.Column(
            "sql_sha256",
            sa.String(length=64),
            nullable=False,
            comment="a plan of another statement is no plan to compare with",
        ),
        sa.Column("plan", sa.JSON(), nullable=False, comment="as it was when the statement last passed"),
        sa.Column("seen_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_statement_plan")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("statement_plan")
