"""audit"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
    "mysql_engine": "InnoDB",
    "mysql_row_format": "DYNAMIC",
    "if_not_exists": True,
}
_NOW = sa.text("CURRENT_TIMESTAMP(6)")


def upgrade() -> None:
    op.create_table(
        "lane_audit",
        *_lane(),
        _zero("reached", mysql.BIGINT(), comment="how far this lap of the audit has come"),
        _zero("agreed", mysql.BIGINT(), comment="where rows and counts last agreed"),
        _zero("purged_to", mysql.BIGINT(), comment="below it rows may be purged"),
        _zero("epoch", mysql.BIGINT(), comment="raised by a new lap and by a purge"),
        sa.Column("lap_began_at", mysql.DATETIME(fsp=6), server_default=_NOW, nullable=False),
        sa.Column(
            "looked_at",
            mysql.DATETIME(fsp=6),
            nullable=True,
            comment="when rows and counts were last compared up to the watermark",
        ),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_lane_audit_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", name=op.f("pk_lane_audit")),
        **_OPTIONS,
    )
    op.create_table(
        "lane_source_audit",
        *_lane(),
        sa.Column("source_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        _zero("rows", mysql.BIGINT(unsigned=True)),
        _zero("last_sequence", mysql.BIGINT()),
        _zero("last_offset", mysql.BIGINT()),
        _zero("purged", mysql.BIGINT(unsigned=True)),
        _zero("purged_rejected", mysql.BIGINT(unsigned=True)),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_lane_source_audit_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "source_id", name=op.f("pk_lane_source_audit")),
        **_OPTIONS,
    )
    op.create_table(
        "ledger_remainder",
        sa.Column("remainder_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("from_sequence", mysql.BIGINT(), nullable=False),
        sa.Column("to_sequence", mysql.BIGINT(), nullable=False),
        sa.Column("rows", mysql.BIGINT(), nullable=False, comment="rows found less rows expected"),
        sa.Column("places", sa.JSON(), nullable=False, comment="[{source, partition, from_offset, to_offset}]"),
        sa.Column("detail", sa.String(length=1000), nullable=False),
        sa.Column("found_at", mysql.DATETIME(fsp=6), server_default=_NOW, nullable=False),
        sa.Column(
            "gone_at",
            mysql.DATETIME(fsp=6),
            nullable=True,
            comment="when a later look found the rows and counts in agreement",
        ),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_ledger_remainder_stream_id")),
        sa.PrimaryKeyConstraint("remainder_id", name=op.f("pk_ledger_remainder")),
        sa.UniqueConstraint(
            "stream_id",
            "lane",
            "kind",
            "from_sequence",
            name=op.f("uq_ledger_remainder_stream_id_lane_kind_from_sequence"),
        ),
        **_OPTIONS,
    )


def _lane() -> list[sa.Column[int]]:
    return [
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
    ]


def _zero(name: str, kind: sa.types.TypeEngine[int], comment: str | None = None) -> sa.Column[int]:
    return sa.Column(name, kind, server_default=sa.text("0"), nullable=False, comment=comment)


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
