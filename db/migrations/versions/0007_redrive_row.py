"""redrive row"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redrive_row",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("sequence", mysql.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("attempt_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("outcome", mysql.TINYINT(unsigned=True), nullable=False, comment="1 done, 4 parked, 5 rejected"),
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), nullable=True, comment="of a row that is rejected again"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_redrive_row_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "sequence", "attempt_id", name=op.f("pk_redrive_row")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
