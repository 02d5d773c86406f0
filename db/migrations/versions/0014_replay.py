"""replay"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # MySQL commits each statement, so a first try may have died after any of them.
    if "mapping_hash" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("lane_progress")}:
        op.add_column(
            "lane_progress",
            sa.Column(
                "mapping_hash",
                sa.String(length=64),
                nullable=True,
                comment="of the only mapping that may write; NULL is any, '-' none for a moment",
            ),
        )
    op.create_table(
        "replay",
        sa.Column("replay_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column(
            "shadow_id",
            mysql.SMALLINT(unsigned=True),
            nullable=False,
            comment="whose lanes, outcomes and documents are those of the run",
        ),
        sa.Column(
            "mapping_hash",
            sa.String(length=64),
            nullable=False,
            comment="of the stream's part of the new mapping",
        ),
        sa.Column("tables", sa.JSON(), nullable=False, comment="the processed tables that have a shadow"),
        sa.Column(
            "state",
            sa.Enum("running", "swapping", "swapped", "dropped"),
            server_default="running",
            nullable=False,
        ),
        sa.Column("began_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("ended_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_replay_stream_id")),
        sa.PrimaryKeyConstraint("replay_id", name=op.f("pk_replay")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    if "ix_replay_stream_id" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("replay")}:
        op.create_index("ix_replay_stream_id", "replay", ["stream_id"])


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
