"""verify"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verify_pattern",
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("run_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=48), nullable=False),
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Enum("missing", "extra", "different"), nullable=False),
        sa.Column("column_name", sa.String(length=64), nullable=False),
        sa.Column("pattern", sa.String(length=300), nullable=False),
        sa.Column("differences", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_verify_pattern_run_id")),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("pk_verify_pattern")),
        sa.UniqueConstraint("run_id", "hash", name=op.f("uq_verify_pattern_run_id_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "verify_unit",
        sa.Column("run_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("unit", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Enum("fold", "walk"), nullable=False),
        sa.Column("stream", sa.String(length=48), nullable=False),
        sa.Column("table_name", sa.String(length=64), server_default="", nullable=False, comment="of a walk"),
        sa.Column(
            "lane", mysql.SMALLINT(unsigned=True), server_default=sa.text("0"), nullable=False, comment="of a fold"
        ),
        sa.Column("hash_from", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("hash_to", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "since",
            mysql.BIGINT(),
            server_default=sa.text("0"),
            nullable=False,
            comment="only keys with a later row are compared",
        ),
        sa.Column("done", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "moves",
            mysql.INTEGER(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="the fence of progress",
        ),
        sa.Column("progress", sa.JSON(), nullable=True, comment="where a restart goes on"),
        sa.Column(
            "watermark", mysql.BIGINT(), server_default=sa.text("0"), nullable=False, comment="covered by a fold"
        ),
        sa.Column("compared", sa.JSON(), nullable=True, comment="{table: rows}"),
        sa.Column(
            "key_hashes", mysql.LONGBLOB(), nullable=True, comment="of all keys that a fold met: 8 bytes each, sorted"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_verify_unit_run_id")),
        sa.PrimaryKeyConstraint("run_id", "unit", name=op.f("pk_verify_unit")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "verify_difference",
        sa.Column("difference_id", mysql.BIGINT(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("key_hash", mysql.BIGINT(unsigned=True), nullable=False),
        sa.Column("primary_key", sa.JSON(), nullable=False),
        sa.Column(
            "expected",
            sa.String(length=300),
            nullable=True,
            comment="its shape, unless the mapping says that the column is public",
        ),
        sa.Column("actual", sa.String(length=300), nullable=True),
        sa.Column("found_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["verify_pattern.pattern_id"], name=op.f("fk_verify_difference_pattern_id")
        ),
        sa.PrimaryKeyConstraint("difference_id", name=op.f("pk_verify_difference")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    for name in ("verify_difference", "verify_unit", "verify_pattern"):
        op.drop_table(name)
