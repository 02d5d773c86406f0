"""The control schema: what the programs must remember, declared once for Alembic and for every query."""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.mysql import BIGINT, DATETIME, DOUBLE, INTEGER, LONGBLOB, SMALLINT, TINYINT, VARBINARY
from sqlalchemy.types import TypeEngine

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
VERSION_TABLE = "control_version"
metadata = MetaData(naming_convention=NAMING)

# Names, topics and paths differ by case and accent, so they are compared as bytes.
OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_0900_bin",
    "mysql_row_format": "DYNAMIC",
}
NOW = text("CURRENT_TIMESTAMP(6)")
ZERO = text("0")

STREAM_ID = SMALLINT(unsigned=True)
LANE = SMALLINT(unsigned=True)
SOURCE_ID = INTEGER(unsigned=True)
SEQUENCE = BIGINT()
COUNT = BIGINT(unsigned=True)
MOMENT = DATETIME(fsp=6)
KEY = VARBINARY(512)
SHA256 = String(64)


def is_control_table(name: str | None, kind: str, _parents: object) -> bool:
    """For Alembic: raw tables are made at registration, one a stream, and are no business of the revisions."""
    return not (kind == "table" and (name or "").startswith(("raw_", VERSION_TABLE)))


def _table(name: str, *parts: Any) -> Table:  # noqa: ANN401 - columns and constraints share no public type
    return Table(name, metadata, *parts, **OPTIONS)


def _of_stream(*, primary_key: bool = True) -> Column[Any]:
    parent = ForeignKey("stream.stream_id")
    return Column("stream_id", STREAM_ID, parent, primary_key=primary_key, nullable=False, autoincrement=False)


def _key(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _count(name: str) -> Column[Any]:
    return Column(name, COUNT, nullable=False, server_default=ZERO)


stream = _table(
    "stream",
    Column("stream_id", STREAM_ID, primary_key=True, autoincrement=True),
    Column("name", String(48), nullable=False),
    Column("lanes", SMALLINT(unsigned=True), nullable=False, comment="fixed for ever: another number reorders keys"),
    Column("key_version", SMALLINT(unsigned=True), nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("mapping_hash", SHA256, nullable=False),
    Column("registered_at", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("name"),
)

stream_counter = _table(
    "stream_counter",
    _of_stream(),
    Column("generation", SMALLINT(unsigned=True), nullable=False, comment="the generation that ingest writes"),
    Column("next_number", BIGINT(), nullable=False, comment="locked by the master's transaction"),
)

stream_state = _table(
    "stream_state",
    _of_stream(),
    Column("state", Enum("running", "paused", "halted"), nullable=False, server_default="running"),
    Column("reason", String(1000), nullable=False, server_default=""),
    Column("since", MOMENT, nullable=False, server_default=NOW),
    Column("rate_limit", INTEGER(unsigned=True), comment="rows a second over all workers; NULL is none"),
    Column("stop_position", JSON, comment="{topic: {partition: offset}} where ingest stops"),
)

stream_generation = _table(
    "stream_generation",
    _of_stream(),
    _key("generation", SMALLINT(unsigned=True)),
    Column("kind", Enum("snapshot", "stream"), nullable=False),
    Column("began_at", MOMENT, nullable=False, server_default=NOW),
    Column("opened_at", MOMENT),
)

source = _table(
    "source",
    Column("source_id", SOURCE_ID, primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("kind", Enum("partition", "part"), nullable=False),
)

source_offset = _table(
    "source_offset",
    Column("source_id", SOURCE_ID, ForeignKey("source.source_id"), primary_key=True, autoincrement=False),
    _of_stream(primary_key=False),
    Column("topic", String(249), nullable=False),
    Column("topic_id", String(40), nullable=False),
    Column("kafka_partition", INTEGER(), nullable=False),
    Column("start_offset", BIGINT(), nullable=False),
    Column("end_offset", BIGINT(), nullable=False, comment="end of the snapshot's own window"),
    Column("next_offset", BIGINT(), nullable=False),
    Column("leader_epoch", INTEGER()),
    Column("epoch", BIGINT(), nullable=False, server_default=ZERO, comment="the fence: raised at every take-over"),
    Column("last_offset", BIGINT(), comment="of the last stored record, re-read at start"),
    Column("last_sha256", SHA256),
    Column("halted", String(1000), comment="why this partition is not read; NULL is none"),
    Column("halted_from", BIGINT()),
    Column("halted_to", BIGINT()),
    Column("after_offsets", JSON, comment="{partition: offset} that the old partitions must reach first"),
    Column("moved_at", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("topic", "kafka_partition"),
)

lane_head = _table(
    "lane_head",
    _of_stream(),
    _key("lane", LANE),
    Column("head", SEQUENCE, nullable=False, server_default=ZERO),
    _count("rows"),
    Column("head_time", BIGINT(), comment="Kafka's time of the newest row, ms since the epoch"),
)

lane_progress = _table(
    "lane_progress",
    _of_stream(),
    _key("lane", LANE),
    Column("applied", SEQUENCE, nullable=False, server_default=ZERO, comment="the watermark"),
    Column("open_to", SEQUENCE, nullable=False, server_default=ZERO, comment="the barrier"),
    _count("n_applied"),
    _count("n_superseded"),
    _count("n_filtered"),
    _count("n_parked"),
    _count("n_rejected"),
    Column("applied_time", BIGINT(), comment="Kafka's time of the last applied row, ms since the epoch"),
    Column("parked", INTEGER(unsigned=True), nullable=False, server_default=ZERO, comment="keys that are parked now"),
    Column("audited", SEQUENCE, nullable=False, server_default=ZERO),
    Column(
        "settled", COUNT, nullable=False, server_default=ZERO, comment="raised when a parked or rejected row is done"
    ),
    Column("halted", String(1000), comment="why this lane is not applied; NULL is none"),
    Column("mapping_hash", SHA256, comment="of the only mapping that may write; NULL is any, '-' none for a moment"),
)

row_outcome = _table(
    "row_outcome",
    _of_stream(),
    _key("lane", LANE),
    _key("sequence", SEQUENCE),
    Column("outcome", TINYINT(unsigned=True), nullable=False, comment="4 parked, 5 rejected; others are only counted"),
    Column("source_id", SOURCE_ID, nullable=False),
    Column("key_hash", BIGINT(unsigned=True), nullable=False),
    Index(None, "stream_id", "lane", "key_hash"),
    Index(None, "source_id"),
)

reject_pattern = _table(
    "reject_pattern",
    Column("pattern_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("hash", SHA256, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("code", String(48), nullable=False),
    Column("field_path", String(500), nullable=False),
    Column("shape", String(200), nullable=False),
    Column("state", Enum("open", "accepted", "fixed"), nullable=False, server_default="open"),
    _count("rejects"),
    Column("tripped", Boolean, nullable=False, server_default=ZERO, comment="whether it has paused its stream"),
    Column("first_seen", MOMENT, nullable=False, server_default=NOW),
    Column("last_seen", MOMENT, nullable=False, server_default=NOW),
    UniqueConstraint("stream_id", "hash"),
)

reject = _table(
    "reject",
    _of_stream(),
    _key("lane", LANE),
    _key("sequence", SEQUENCE),
    Column("pattern_id", INTEGER(unsigned=True), ForeignKey("reject_pattern.pattern_id"), nullable=False),
    Column("source_id", SOURCE_ID, nullable=False),
    Column("source_offset", BIGINT(), nullable=False),
    Column("entity_key", KEY),
    Column("record_key", LONGBLOB),
    Column("value", LONGBLOB),
    Column("value_sha256", SHA256, nullable=False),
    Column("detail", String(1000), nullable=False),
    Column("version", String(40), nullable=False, comment="of the code that rejected it"),
    Column("rejected_at", MOMENT, nullable=False, server_default=NOW),
)

parked_key = _table(
    "parked_key",
    _of_stream(),
    _key("lane", LANE),
    _key("entity_key", KEY),
    Column("key_hash", BIGINT(unsigned=True), nullable=False),
    Column("first_sequence", SEQUENCE, nullable=False, comment="of the row that parked it"),
    Column("reason", Enum("behind_reject", "pending_unique"), nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default=ZERO),
    Column("next_try_at", MOMENT, nullable=False, server_default=NOW),
    Column("detail", String(1000), nullable=False, server_default=""),
)

merged_document = _table(
    "merged_document",
    _of_stream(),
    _key("lane", LANE),
    _key("entity_key", KEY),
    Column("sequence", SEQUENCE, nullable=False),
    Column("document", LONGBLOB, nullable=False, comment="JSON text; bytes, so that numbers stay exact"),
)

lane_attempt = _table(
    "lane_attempt",
    _of_stream(),
    _key("lane", LANE),
    Column("applied", SEQUENCE, nullable=False, comment="the watermark at which the attempts failed"),
    Column("attempts", SmallInteger, nullable=False),
    Column("sequence", SEQUENCE, comment="the one row tried alone, from the third attempt on"),
    Column("marked_at", MOMENT, nullable=False, server_default=NOW),
)

run = _table(
    "run",
    Column("run_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("step", String(64), nullable=False),
    Column("version", String(40), nullable=False),
    Column("mapping_hash", SHA256, nullable=False),
    Column("started_at", MOMENT, nullable=False, server_default=NOW),
    Column("finished_at", MOMENT),
    Column("detail", JSON),
)

snapshot = _table(
    "snapshot",
    Column("snapshot_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("generation", SMALLINT(unsigned=True), nullable=False),
    Column("manifest_sha256", SHA256, nullable=False),
    Column("folder", String(1000), nullable=False),
    Column("epoch", BIGINT(), nullable=False, server_default=ZERO, comment="the fence against a second loader"),
    Column("state", Enum("loading", "complete"), nullable=False, server_default="loading"),
    Column("registered_at", MOMENT, nullable=False, server_default=NOW),
    Column("completed_at", MOMENT),
    UniqueConstraint("stream_id", "generation"),
)

snapshot_part = _table(
    "snapshot_part",
    Column("source_id", SOURCE_ID, ForeignKey("source.source_id"), primary_key=True, autoincrement=False),
    Column("snapshot_id", INTEGER(unsigned=True), ForeignKey("snapshot.snapshot_id"), nullable=False),
    Column("part", INTEGER(unsigned=True), nullable=False),
    Column("file", String(500), nullable=False),
    _count("rows"),
    _count("bytes"),
    Column("sha256", SHA256, nullable=False),
    Column("state", Enum("waiting", "loading", "verified", "open"), nullable=False, server_default="waiting"),
    _count("lines_loaded"),
    Column(
        "byte_offset", BIGINT(unsigned=True), nullable=False, server_default=ZERO, comment="decompressed bytes loaded"
    ),
    Column("loaded_sha256", SHA256, nullable=False, server_default="", comment="of these bytes: a resume compares it"),
    UniqueConstraint("snapshot_id", "part"),
)

snapshot_duplicate = _table(
    "snapshot_duplicate",
    _of_stream(),
    _key("lane", LANE),
    _key("sequence", SEQUENCE),
    Column("first_sequence", SEQUENCE, nullable=False, comment="of the row that stands"),
)

lane_audit = _table(
    "lane_audit",
    _of_stream(),
    _key("lane", LANE),
    Column("reached", SEQUENCE, nullable=False, server_default=ZERO, comment="how far this lap of the audit has come"),
    Column("agreed", SEQUENCE, nullable=False, server_default=ZERO, comment="where rows and counts last agreed"),
    Column("purged_to", SEQUENCE, nullable=False, server_default=ZERO, comment="below it rows may be purged"),
    Column("epoch", BIGINT(), nullable=False, server_default=ZERO, comment="raised by a new lap and by a purge"),
    Column("lap_began_at", MOMENT, nullable=False, server_default=NOW),
    Column("looked_at", MOMENT, comment="when rows and counts were last compared up to the watermark"),
)

lane_source_audit = _table(
    "lane_source_audit",
    _of_stream(),
    _key("lane", LANE),
    _key("source_id", SOURCE_ID),
    _count("rows"),
    Column("last_sequence", SEQUENCE, nullable=False, server_default=ZERO),
    Column("last_offset", BIGINT(), nullable=False, server_default=ZERO),
    _count("purged"),
    _count("purged_rejected"),
)

ledger_remainder = _table(
    "ledger_remainder",
    Column("remainder_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("lane", LANE, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("from_sequence", SEQUENCE, nullable=False),
    Column("to_sequence", SEQUENCE, nullable=False),
    Column("rows", BIGINT(), nullable=False, comment="rows found less rows expected"),
    Column("places", JSON, nullable=False, comment="[{source, partition, from_offset, to_offset}]"),
    Column("detail", String(1000), nullable=False),
    Column("found_at", MOMENT, nullable=False, server_default=NOW),
    Column("gone_at", MOMENT, comment="when a later look found the rows and counts in agreement"),
    UniqueConstraint("stream_id", "lane", "kind", "from_sequence"),
)

statement_plan = _table(
    "statement_plan",
    _key("name", String(120)),
    Column("sql_sha256", SHA256, nullable=False, comment="a plan of another statement is no plan to compare with"),
    Column("plan", JSON, nullable=False, comment="as it was when the statement last passed"),
    Column("seen_at", MOMENT, nullable=False, server_default=NOW),
)


reject_decision = _table(
    "reject_decision",
    Column("decision_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    Column("pattern_id", INTEGER(unsigned=True), ForeignKey("reject_pattern.pattern_id"), nullable=False),
    Column("state", Enum("open", "accepted", "fixed"), nullable=False, comment="what the pattern became"),
    Column("who", String(100), nullable=False),
    Column("because", String(1000), nullable=False),
    Column("rejects", COUNT, nullable=False, comment="how many the pattern had then"),
    Column("decided_at", MOMENT, nullable=False, server_default=NOW),
)

redrive_attempt = _table(
    "redrive_attempt",
    Column("attempt_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    Column("pattern_id", INTEGER(unsigned=True), ForeignKey("reject_pattern.pattern_id"), nullable=False),
    Column("who", String(100), nullable=False),
    Column("version", String(40), nullable=False),
    Column("rules_hash", SHA256, nullable=False, comment="of the mapping and the processed schema"),
    Column("lane", LANE, nullable=False, server_default=ZERO, comment="with sequence: how far it is, for a resume"),
    Column("sequence", SEQUENCE, nullable=False, server_default=ZERO),
    Column("rejects_before", COUNT, nullable=False),
    Column("rejects_after", COUNT),
    _count("n_applied"),
    _count("n_superseded"),
    _count("n_filtered"),
    _count("n_tried"),
    Column("started_at", MOMENT, nullable=False, server_default=NOW),
    Column("finished_at", MOMENT, comment="NULL while it runs, or when it was stopped and may be resumed"),
)

redrive_row = _table(
    "redrive_row",
    _of_stream(),
    _key("lane", LANE),
    _key("sequence", SEQUENCE),
    _key("attempt_id", INTEGER(unsigned=True)),
    Column("outcome", TINYINT(unsigned=True), nullable=False, comment="1 done, 4 parked, 5 rejected"),
    Column("pattern_id", INTEGER(unsigned=True), comment="of a row that is rejected again"),
)

reject_hour = _table(
    "reject_hour",
    _key("pattern_id", INTEGER(unsigned=True)),
    _key("hour", DATETIME()),
    _count("rejects"),
)

reject_window = _table(
    "reject_window",
    _of_stream(),
    Column("share_percent", TINYINT(unsigned=True), server_default=text("10"), comment="NULL: no limit"),
    Column("of_rows", INTEGER(unsigned=True), nullable=False, server_default=text("1000")),
    Column("in_a_row", INTEGER(unsigned=True), server_default=text("500"), comment="NULL: no limit"),
    Column("began", COUNT, nullable=False, server_default=ZERO, comment="rows that had an outcome then"),
    _count("rejects"),
    _count("run"),
    _count("seen"),
    Column("grace_to", SEQUENCE, nullable=False, server_default=ZERO, comment="rows that a person resumed for"),
)

stream_rate = _table(
    "stream_rate",
    _of_stream(),
    Column("tokens", DOUBLE(), nullable=False, server_default=ZERO),
    Column("refilled_at", MOMENT, nullable=False, server_default=NOW),
)

target_health = _table(
    "target_health",
    _key("id", TINYINT(unsigned=True)),
    Column("threads_running", BIGINT()),
    Column("history_length", BIGINT()),
    Column("replica_lag_ms", BIGINT()),
    Column("max_threads_running", BIGINT(), comment="NULL: no limit"),
    Column("max_history_length", BIGINT(), comment="NULL: no limit"),
    Column("max_replica_lag_ms", BIGINT(), comment="NULL: no limit"),
    Column("throttled", String(500), nullable=False, server_default="", comment="why; empty: not"),
    Column("measured_at", MOMENT, nullable=False, server_default=text("'2000-01-01 00:00:00'")),
)

reload = _table(
    "reload",
    Column("reload_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("generation", SMALLINT(unsigned=True), nullable=False, comment="of its snapshot; the cut is before it"),
    Column("state", Enum("raised", "cut", "loading", "done", "abandoned"), nullable=False, server_default="raised"),
    Column("began_at", MOMENT, nullable=False, server_default=NOW),
    Column("ended_at", MOMENT),
    UniqueConstraint("stream_id", "generation"),
)

reload_offset = _table(
    "reload_offset",
    Column("reload_id", INTEGER(unsigned=True), ForeignKey("reload.reload_id"), primary_key=True, autoincrement=False),
    Column("source_id", SOURCE_ID, ForeignKey("source.source_id"), primary_key=True, autoincrement=False),
    Column("cut_offset", BIGINT(), nullable=False, comment="of the first record behind the cut"),
    Column("start_offset", BIGINT(), comment="of the snapshot: rows behind the cut and below it are superseded"),
)

replay = _table(
    "replay",
    Column("replay_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    _of_stream(primary_key=False),
    Column("shadow_id", STREAM_ID, nullable=False, comment="whose lanes, outcomes and documents are those of the run"),
    Column("mapping_hash", SHA256, nullable=False, comment="of the stream's part of the new mapping"),
    Column("tables", JSON, nullable=False, comment="the processed tables that have a shadow"),
    Column("state", Enum("running", "swapping", "swapped", "dropped"), nullable=False, server_default="running"),
    Column("began_at", MOMENT, nullable=False, server_default=NOW),
    Column("ended_at", MOMENT),
    Index(None, "stream_id"),
)

verify_unit = _table(
    "verify_unit",
    Column("run_id", INTEGER(unsigned=True), ForeignKey("run.run_id"), primary_key=True, autoincrement=False),
    _key("unit", INTEGER(unsigned=True)),
    Column("kind", Enum("fold", "walk"), nullable=False),
    Column("stream", String(48), nullable=False),
    Column("table_name", String(64), nullable=False, server_default="", comment="of a walk"),
    Column("lane", LANE, nullable=False, server_default=ZERO, comment="of a fold"),
    Column("hash_from", BIGINT(unsigned=True), nullable=False, server_default=ZERO),
    Column("hash_to", BIGINT(unsigned=True), nullable=False, server_default=ZERO),
    Column("since", SEQUENCE, nullable=False, server_default=ZERO, comment="only keys with a later row are compared"),
    Column("done", Boolean, nullable=False, server_default=ZERO),
    Column("moves", INTEGER(unsigned=True), nullable=False, server_default=ZERO, comment="the fence of progress"),
    Column("progress", JSON, comment="where a restart goes on"),
    Column("watermark", SEQUENCE, nullable=False, server_default=ZERO, comment="covered by a fold"),
    Column("compared", JSON, comment="{table: rows}"),
    Column("key_hashes", LONGBLOB, comment="of all keys that a fold met: 8 bytes each, sorted"),
)

verify_pattern = _table(
    "verify_pattern",
    Column("pattern_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    Column("run_id", INTEGER(unsigned=True), ForeignKey("run.run_id"), nullable=False),
    Column("hash", SHA256, nullable=False),
    Column("stream", String(48), nullable=False),
    Column("table_name", String(64), nullable=False),
    Column("kind", Enum("missing", "extra", "different"), nullable=False),
    Column("column_name", String(64), nullable=False),
    Column("pattern", String(300), nullable=False),
    _count("differences"),
    UniqueConstraint("run_id", "hash"),
)

verify_difference = _table(
    "verify_difference",
    Column("difference_id", BIGINT(unsigned=True), primary_key=True, autoincrement=True),
    Column("pattern_id", INTEGER(unsigned=True), ForeignKey("verify_pattern.pattern_id"), nullable=False),
    Column("key_hash", BIGINT(unsigned=True), nullable=False),
    Column("primary_key", JSON, nullable=False),
    Column("expected", String(300), comment="its shape, unless the mapping says that the column is public"),
    Column("actual", String(300)),
    Column("found_at", MOMENT, nullable=False, server_default=NOW),
)

cutover = _table(
    "cutover",
    Column("cutover_id", INTEGER(unsigned=True), primary_key=True, autoincrement=True),
    Column("active", TINYINT(unsigned=True), comment="1 while it runs, NULL afterwards: so only one can run"),
    Column("rehearsal", Boolean, nullable=False),
    Column("step", String(32), nullable=False),
    Column("number", INTEGER(unsigned=True), nullable=False, server_default=text("1"), comment="of the step's row"),
    Column("epoch", BIGINT(), nullable=False, server_default=ZERO, comment="the fence: raised at every take-over"),
    Column("reason", String(1000), nullable=False, server_default="", comment="why it turned back"),
    Column("plan", JSON, nullable=False),
    Column("ends", JSON, comment="[[topic, partition, high watermark]] as read after the freeze"),
    Column("version", String(40), nullable=False),
    Column("approved_by", String(200)),
    Column("approved_at", MOMENT),
    Column("abort_by", String(200)),
    Column("abort_reason", String(1000), nullable=False, server_default=""),
    Column("carried_back", Boolean, nullable=False, server_default=ZERO, comment="the change files were applied"),
    Column("started_at", MOMENT, nullable=False, server_default=NOW),
    Column("finished_at", MOMENT),
    UniqueConstraint("active"),
)

cutover_step = _table(
    "cutover_step",
    Column("cutover_id", INTEGER(unsigned=True), ForeignKey("cutover.cutover_id"), primary_key=True),
    _key("number", INTEGER(unsigned=True)),
    Column("step", String(32), nullable=False),
    Column("ending", Enum("passed", "failed", "aborted"), comment="NULL while it runs"),
    Column("began_at", MOMENT, nullable=False, server_default=NOW),
    Column("ended_at", MOMENT),
    Column("detail", String(1000), nullable=False, server_default=""),
    Column("gates", JSON, comment="what each gate said last"),
)

measurement = _table(
    "measurement",
    _of_stream(),
    _key("measured_at", MOMENT),
    _count("received"),
    _count("done"),
    _count("parked"),
    _count("rejected"),
    _count("pending"),
    Column("unread", BIGINT(unsigned=True), comment="records that the topics hold and that are not stored"),
    Column("lag_ms", BIGINT(unsigned=True), comment="age of the oldest row that waits"),
)

change_log = _table(
    "change_log",
    Column("change_id", BIGINT(unsigned=True), primary_key=True, autoincrement=True),
    Column("cutover_id", INTEGER(unsigned=True), nullable=False),
    Column("stream_id", STREAM_ID, nullable=False),
    Column("table_name", String(64), nullable=False),
    Column("before_row", JSON, comment="NULL for an insert"),
    Column("after_row", JSON, comment="NULL for a delete"),
    Column("exported", Boolean, nullable=False, server_default=ZERO),
    Column("changed_at", MOMENT, nullable=False, server_default=NOW),
    Index(None, "cutover_id", "stream_id", "exported", "change_id"),
)

change_file = _table(
    "change_file",
    Column("cutover_id", INTEGER(unsigned=True), ForeignKey("cutover.cutover_id"), primary_key=True),
    _of_stream(),
    Column("file", String(1000), nullable=False),
    Column("bytes", BIGINT(unsigned=True), nullable=False, server_default=ZERO, comment="what lies behind is cut off"),
    _count("changes"),
)

unmapped_field = _table(
    "unmapped_field",
    _of_stream(),
    _key("path", String(500)),
    _count("documents"),
    Column("looked_before", COUNT, nullable=False, server_default=ZERO, comment="documents without it, before it came"),
    Column("source_id", SOURCE_ID, comment="with source_offset: where it was met first"),
    Column("source_offset", BIGINT()),
    Column("first_seen", MOMENT, nullable=False, server_default=NOW),
    Column("last_seen", MOMENT, nullable=False, server_default=NOW),
    Column("accepted_by", String(100), comment="who lets it stay out of the target; NULL is nobody"),
    Column("because", String(1000)),
    Column("accepted_at", MOMENT),
)

crossed_lane = _table(
    "crossed_lane",
    _of_stream(),
    _key("lane", LANE),
    Column("looked_to", SEQUENCE, nullable=False, comment="rows up to here were looked at"),
    Column("crossed", COUNT, nullable=False, comment="keys that stand in two partitions of a topic"),
    Column("places", JSON, nullable=False, comment="some of them: [{key, topic, partitions: [[partition, rows]]}]"),
    Column("looked_at", MOMENT, nullable=False, server_default=NOW),
    Column("accepted", COUNT, nullable=False, server_default=ZERO, comment="so many keys a person has let pass"),
    Column("accepted_by", String(100)),
    Column("because", String(1000)),
    Column("accepted_at", MOMENT),
)


def belongs_to_control(name: str) -> bool:
    """Whether a table is this program's own, where control and processed tables share a schema."""
    return name in metadata.tables or name.startswith(("raw_", VERSION_TABLE))
