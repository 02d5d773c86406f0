"""pattern tripped"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # MySQL commits each statement, so a first try may have died behind it.
    if "tripped" in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("reject_pattern")}:
        return
    op.add_column(
        "reject_pattern",
        sa.Column(
            "tripped",
            sa.Boolean(),
            server_default=sa.text("0"),
            nullable=False,
            comment="whether it has paused its stream",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
