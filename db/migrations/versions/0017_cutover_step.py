"""cutover_step"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cutover_step",
        sa.Column("cutover_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("number", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("ending", sa.Enum("passed", "failed", "aborted"), nullable=True, comment="NULL while it runs"),
        sa.Column("began_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("ended_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.Column("detail", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("gates", sa.JSON(), nullable=True, comment="what each gate said last"),
        sa.ForeignKeyConstraint(["cutover_id"], ["cutover.cutover_id"], name=op.f("fk_cutover_step_cutover_id")),
        sa.PrimaryKeyConstraint("cutover_id", "number", name=op.f("pk_cutover_step")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
