"""reload"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reload",
        sa.Column("reload_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column(
            "generation",
            mysql.SMALLINT(unsigned=True),
            nullable=False,
            comment="of its snapshot; the cut is before it",
        ),
        sa.Column(
            "state",
            sa.Enum("raised", "cut", "loading", "done", "abandoned"),
            server_default="raised",
            nullable=False,
        ),
        sa.Column("began_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("ended_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_reload_stream_id")),
        sa.PrimaryKeyConstraint("reload_id", name=op.f("pk_reload")),
        sa.UniqueConstraint("stream_id", "generation", name=op.f("uq_reload_stream_id_generation")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "reload_offset",
        sa.Column("reload_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("source_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("cut_offset", mysql.BIGINT(), nullable=False, comment="of the first record behind the cut"),
        sa.Column(
            "start_offset",
            mysql.BIGINT(),
            nullable=True,
            comment="of the snapshot: rows behind the cut and below it are superseded",
        ),
        sa.ForeignKeyConstraint(["reload_id"], ["reload.reload_id"], name=op.f("fk_reload_offset_reload_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.source_id"], name=op.f("fk_reload_offset_source_id")),
        sa.PrimaryKeyConstraint("reload_id", "source_id", name=op.f("pk_reload_offset")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
