"""crossed_lane"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "crossed_lane",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("looked_to", mysql.BIGINT(), nullable=False, comment="rows up to here were looked at"),
        sa.Column(
            "crossed",
            mysql.BIGINT(unsigned=True),
            nullable=False,
            comment="keys that stand in two partitions of a topic",
        ),
        sa.Column(
            "places", sa.JSON(), nullable=False, comment="some of them: [{key, topic, partitions: [[partition, rows]]}]"
        ),
        sa.Column("looked_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column(
            "accepted",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="so many keys a person has let pass",
        ),
        sa.Column("accepted_by", sa.String(length=100), nullable=True),
        sa.Column("because", sa.String(length=1000), nullable=True),
        sa.Column("accepted_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_crossed_lane_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", name=op.f("pk_crossed_lane")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
