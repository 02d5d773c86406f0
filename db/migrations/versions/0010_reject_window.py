"""reject window"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reject_window",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column(
            "share_percent",
            mysql.TINYINT(unsigned=True),
            server_default=sa.text("10"),
            nullable=True,
            comment="NULL: no limit",
        ),
        sa.Column("of_rows", mysql.INTEGER(unsigned=True), server_default=sa.text("1000"), nullable=False),
        sa.Column(
            "in_a_row",
            mysql.INTEGER(unsigned=True),
            server_default=sa.text("500"),
            nullable=True,
            comment="NULL: no limit",
        ),
        sa.Column(
            "began",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="rows that had an outcome then",
        ),
        sa.Column("rejects", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("run", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("seen", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "grace_to",
            mysql.BIGINT(),
            server_default=sa.text("0"),
            nullable=False,
            comment="rows that a person resumed for",
        ),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_reject_window_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_reject_window")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
