"""unmapped_field"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unmapped_field",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("path", sa.String(length=500), autoincrement=False, nullable=False),
        sa.Column("documents", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "looked_before",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="documents without it, before it came",
        ),
        sa.Column(
            "source_id",
            mysql.INTEGER(unsigned=True),
            nullable=True,
            comment="with source_offset: where it was met first",
        ),
        sa.Column("source_offset", mysql.BIGINT(), nullable=True),
        sa.Column("first_seen", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("last_seen", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column(
            "accepted_by",
            sa.String(length=100),
            nullable=True,
            comment="who lets it stay out of the target; NULL is nobody",
        ),
        sa.Column("because", sa.String(length=1000), nullable=True),
        sa.Column("accepted_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_unmapped_field_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "path", name=op.f("pk_unmapped_field")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
