"""lane settled"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # MySQL commits each statement, so a first try may have died behind it.
    if "settled" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("lane_progress")}:
        return
    op.add_column(
        "lane_progress",
        sa.Column(
            "settled",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="raised when a parked or rejected row is done",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
