"""change_file"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "change_file",
        sa.Column("cutover_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("file", sa.String(length=1000), nullable=False),
        sa.Column(
            "bytes",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="what lies behind is cut off",
        ),
        sa.Column("changes", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["cutover_id"], ["cutover.cutover_id"], name=op.f("fk_change_file_cutover_id")),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_change_file_stream_id")),
        sa.PrimaryKeyConstraint("cutover_id", "stream_id", name=op.f("pk_change_file")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
