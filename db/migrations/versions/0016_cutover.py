"""cutover"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cutover",
        sa.Column("cutover_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column(
            "active",
            mysql.TINYINT(unsigned=True),
            nullable=True,
            comment="1 while it runs, NULL afterwards: so only one can run",
        ),
        sa.Column("rehearsal", sa.Boolean(), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column(
            "number",
            mysql.INTEGER(unsigned=True),
            server_default=sa.text("1"),
            nullable=False,
            comment="of the step's row",
        ),
        sa.Column(
            "epoch",
            mysql.BIGINT(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the fence: raised at every take-over",
        ),
        sa.Column("reason", sa.String(length=1000), server_default="", nullable=False, comment="why it turned back"),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column(
            "ends",
            sa.JSON(),
            nullable=True,
            comment="[[topic, partition, high watermark]] as read after the freeze",
        ),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("approved_by", sa.String(length=200), nullable=True),
        sa.Column("approved_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.Column("abort_by", sa.String(length=200), nullable=True),
        sa.Column("abort_reason", sa.String(length=1000), server_default="", nullable=False),
        sa.Column(
            "carried_back",
            sa.Boolean(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the change files were applied",
        ),
        sa.Column("started_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("finished_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.PrimaryKeyConstraint("cutover_id", name=op.f("pk_cutover")),
        sa.UniqueConstraint("active", name=op.f("uq_cutover_active")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
