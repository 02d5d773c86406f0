"""redrive attempt"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "redrive_attempt",
        sa.Column("attempt_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column(
            "rules_hash", sa.String(length=64), nullable=False, comment="of the mapping and the processed schema"
        ),
        sa.Column(
            "lane",
            mysql.SMALLINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="with sequence: how far it is, for a resume",
        ),
        sa.Column("sequence", mysql.BIGINT(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejects_before", mysql.BIGINT(unsigned=True), nullable=False),
        sa.Column("rejects_after", mysql.BIGINT(unsigned=True), nullable=True),
        sa.Column("n_applied", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_superseded", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_filtered", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_tried", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column(
            "finished_at",
            mysql.DATETIME(fsp=6),
            nullable=True,
            comment="NULL while it runs, or when it was stopped and may be resumed",
        ),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["reject_pattern.pattern_id"], name=op.f("fk_redrive_attempt_pattern_id")
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_redrive_attempt")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
