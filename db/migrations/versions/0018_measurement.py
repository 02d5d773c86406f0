"""measurement"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "measurement",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("measured_at", mysql.DATETIME(fsp=6), nullable=False),
        *(
            sa.Column(name, mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False)
            for name in ("received", "done", "parked", "rejected", "pending")
        ),
        sa.Column(
            "unread",
            mysql.BIGINT(unsigned=True),
            nullable=True,
            comment="records that the topics hold and that are not stored",
        ),
        sa.Column("lag_ms", mysql.BIGINT(unsigned=True), nullable=True, comment="age of the oldest row that waits"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_measurement_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "measured_at", name=op.f("pk_measurement")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
