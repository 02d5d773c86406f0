"""control"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("run_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("mapping_hash", sa.String(length=64), nullable=False),
        sa.Column("started_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("finished_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "stream",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column(
            "lanes",
            mysql.SMALLINT(unsigned=True),
            nullable=False,
            comment="fixed for ever: another number reorders keys",
        ),
        sa.Column("key_version", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("mapping_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "registered_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False
        ),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream")),
        sa.UniqueConstraint("name", name=op.f("uq_stream_name")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "lane_attempt",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("applied", mysql.BIGINT(), nullable=False, comment="the watermark at which the attempts failed"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column(
            "sequence", mysql.BIGINT(), nullable=True, comment="the one row tried alone, from the third attempt on"
        ),
        sa.Column("marked_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_lane_attempt_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", name=op.f("pk_lane_attempt")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "lane_head",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("head", mysql.BIGINT(), server_default=sa.text("0"), nullable=False),
        sa.Column("rows", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "head_time", mysql.BIGINT(), nullable=True, comment="Kafka's time of the newest row, ms since the epoch"
        ),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_lane_head_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", name=op.f("pk_lane_head")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "lane_progress",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("applied", mysql.BIGINT(), server_default=sa.text("0"), nullable=False, comment="the watermark"),
        sa.Column("open_to", mysql.BIGINT(), server_default=sa.text("0"), nullable=False, comment="the barrier"),
        sa.Column("n_applied", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_superseded", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_filtered", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_parked", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("n_rejected", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "applied_time",
            mysql.BIGINT(),
            nullable=True,
            comment="Kafka's time of the last applied row, ms since the epoch",
        ),
        sa.Column(
            "parked",
            mysql.INTEGER(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="keys that are parked now",
        ),
        sa.Column("audited", mysql.BIGINT(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "halted", sa.String(length=1000), nullable=True, comment="why this lane is not applied; NULL is none"
        ),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_lane_progress_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", name=op.f("pk_lane_progress")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "merged_document",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("entity_key", sa.VARBINARY(length=512), autoincrement=False, nullable=False),
        sa.Column("sequence", mysql.BIGINT(), nullable=False),
        sa.Column("document", mysql.LONGBLOB(), nullable=False, comment="JSON text; bytes, so that numbers stay exact"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_merged_document_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "entity_key", name=op.f("pk_merged_document")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "parked_key",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("entity_key", sa.VARBINARY(length=512), autoincrement=False, nullable=False),
        sa.Column("key_hash", mysql.BIGINT(unsigned=True), nullable=False),
        sa.Column("first_sequence", mysql.BIGINT(), nullable=False, comment="of the row that parked it"),
        sa.Column("reason", sa.Enum("behind_reject", "pending_unique"), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("detail", sa.String(length=1000), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_parked_key_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "entity_key", name=op.f("pk_parked_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "reject_pattern",
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=48), nullable=False),
        sa.Column("field_path", sa.String(length=500), nullable=False),
        sa.Column("shape", sa.String(length=200), nullable=False),
        sa.Column("state", sa.Enum("open", "accepted", "fixed"), server_default="open", nullable=False),
        sa.Column("rejects", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("last_seen", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_reject_pattern_stream_id")),
        sa.PrimaryKeyConstraint("pattern_id", name=op.f("pk_reject_pattern")),
        sa.UniqueConstraint("stream_id", "hash", name=op.f("uq_reject_pattern_stream_id_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "row_outcome",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("sequence", mysql.BIGINT(), autoincrement=False, nullable=False),
        sa.Column(
            "outcome",
            mysql.TINYINT(unsigned=True),
            nullable=False,
            comment="4 parked, 5 rejected; others are only counted",
        ),
        sa.Column("source_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("key_hash", mysql.BIGINT(unsigned=True), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_row_outcome_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "sequence", name=op.f("pk_row_outcome")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "snapshot",
        sa.Column("snapshot_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("generation", mysql.SMALLINT(unsigned=True), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("folder", sa.String(length=1000), nullable=False),
        sa.Column(
            "epoch",
            mysql.BIGINT(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the fence against a second loader",
        ),
        sa.Column("state", sa.Enum("loading", "complete"), server_default="loading", nullable=False),
        sa.Column(
            "registered_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False
        ),
        sa.Column("completed_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_snapshot_stream_id")),
        sa.PrimaryKeyConstraint("snapshot_id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("stream_id", "generation", name=op.f("uq_snapshot_stream_id_generation")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "snapshot_duplicate",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("sequence", mysql.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("first_sequence", mysql.BIGINT(), nullable=False, comment="of the row that stands"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_snapshot_duplicate_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "sequence", name=op.f("pk_snapshot_duplicate")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "source",
        sa.Column("source_id", mysql.INTEGER(unsigned=True), autoincrement=True, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Enum("partition", "part"), nullable=False),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_source_stream_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "stream_counter",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column(
            "generation", mysql.SMALLINT(unsigned=True), nullable=False, comment="the generation that ingest writes"
        ),
        sa.Column("next_number", mysql.BIGINT(), nullable=False, comment="locked by the master's transaction"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_stream_counter_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream_counter")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "stream_generation",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("generation", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Enum("snapshot", "stream"), nullable=False),
        sa.Column("began_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column("opened_at", mysql.DATETIME(fsp=6), nullable=True),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_stream_generation_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "generation", name=op.f("pk_stream_generation")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "stream_state",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("state", sa.Enum("running", "paused", "halted"), server_default="running", nullable=False),
        sa.Column("reason", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("since", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.Column(
            "rate_limit",
            mysql.INTEGER(unsigned=True),
            nullable=True,
            comment="rows a second over all workers; NULL is none",
        ),
        sa.Column("stop_position", sa.JSON(), nullable=True, comment="{topic: {partition: offset}} where ingest stops"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_stream_state_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream_state")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "reject",
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("lane", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("sequence", mysql.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("pattern_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("source_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("source_offset", mysql.BIGINT(), nullable=False),
        sa.Column("entity_key", sa.VARBINARY(length=512), nullable=True),
        sa.Column("record_key", mysql.LONGBLOB(), nullable=True),
        sa.Column("value", mysql.LONGBLOB(), nullable=True),
        sa.Column("value_sha256", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=1000), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False, comment="of the code that rejected it"),
        sa.Column("rejected_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(["pattern_id"], ["reject_pattern.pattern_id"], name=op.f("fk_reject_pattern_id")),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_reject_stream_id")),
        sa.PrimaryKeyConstraint("stream_id", "lane", "sequence", name=op.f("pk_reject")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "snapshot_part",
        sa.Column("source_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("snapshot_id", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("part", mysql.INTEGER(unsigned=True), nullable=False),
        sa.Column("file", sa.String(length=500), nullable=False),
        sa.Column("rows", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("bytes", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Enum("waiting", "loading", "verified", "open"), server_default="waiting", nullable=False),
        sa.Column("lines_loaded", mysql.BIGINT(unsigned=True), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "byte_offset",
            mysql.BIGINT(unsigned=True),
            server_default=sa.text("0"),
            nullable=False,
            comment="decompressed bytes loaded",
        ),
        sa.Column(
            "loaded_sha256",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="of these bytes: a resume compares it",
        ),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.snapshot_id"], name=op.f("fk_snapshot_part_snapshot_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.source_id"], name=op.f("fk_snapshot_part_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_snapshot_part")),
        sa.UniqueConstraint("snapshot_id", "part", name=op.f("uq_snapshot_part_snapshot_id_part")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    op.create_table(
        "source_offset",
        sa.Column("source_id", mysql.INTEGER(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("stream_id", mysql.SMALLINT(unsigned=True), autoincrement=False, nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("topic_id", sa.String(length=40), nullable=False),
        sa.Column("kafka_partition", mysql.INTEGER(), nullable=False),
        sa.Column("start_offset", mysql.BIGINT(), nullable=False),
        sa.Column("end_offset", mysql.BIGINT(), nullable=False, comment="end of the snapshot's own window"),
        sa.Column("next_offset", mysql.BIGINT(), nullable=False),
        sa.Column("leader_epoch", mysql.INTEGER(), nullable=True),
        sa.Column(
            "epoch",
            mysql.BIGINT(),
            server_default=sa.text("0"),
            nullable=False,
            comment="the fence: raised at every take-over",
        ),
        sa.Column("last_offset", mysql.BIGINT(), nullable=True, comment="of the last stored record, re-read at start"),
        sa.Column("last_sha256", sa.String(length=64), nullable=True),
        sa.Column(
            "halted", sa.String(length=1000), nullable=True, comment="why this partition is not read; NULL is none"
        ),
        sa.Column("halted_from", mysql.BIGINT(), nullable=True),
        sa.Column("halted_to", mysql.BIGINT(), nullable=True),
        sa.Column(
            "after_offsets",
            sa.JSON(),
            nullable=True,
            comment="{partition: offset} that the old partitions must reach first",
        ),
        sa.Column("moved_at", mysql.DATETIME(fsp=6), server_default=sa.text("CURRENT_TIMESTAMP(6)"), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.source_id"], name=op.f("fk_source_offset_source_id")),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.stream_id"], name=op.f("fk_source_offset_stream_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_offset")),
        sa.UniqueConstraint("topic", "kafka_partition", name=op.f("uq_source_offset_topic_kafka_partition")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_0900_bin",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
        if_not_exists=True,
    )
    _index("row_outcome", "ix_row_outcome_source_id", ["source_id"])
    _index("row_outcome", "ix_row_outcome_stream_id_lane_key_hash", ["stream_id", "lane", "key_hash"])


def _index(table: str, name: str, columns: list[str]) -> None:
    # MySQL commits each statement, so a first try may have died after any of them.
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns)


def downgrade() -> None:
    raise NotImplementedError("the control schema holds the only record of what was migrated: drop the schema instead")
