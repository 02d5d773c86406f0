"""Which variables each kind of command needs."""

from runtime.settings import (
    CutoverHooks,
    DatabaseAccess,
    KafkaAccess,
    MappingFile,
    QueueAccess,
    Settings,
    SnapshotFolder,
    SourceAccess,
)


class DatabaseSettings(Settings):
    """Of commands that read or change the control schema."""

    database: DatabaseAccess


class KafkaSettings(Settings):
    """Of commands that ask the cluster."""

    kafka: KafkaAccess


class QueueSettings(Settings):
    """Of commands that ask or ring the queue."""

    queue: QueueAccess


class MappingSettings(Settings):
    """Of commands that need the mapping."""

    mapping: MappingFile


class RedriveSettings(Settings):
    """Of the command that folds rejects again."""

    database: DatabaseAccess
    mapping: MappingFile


class TakeSettings(Settings):
    """Of the command that makes a snapshot from topics."""

    kafka: KafkaAccess
    mapping: MappingFile


class PreflightSettings(Settings):
    """Of the command that looks at everything."""

    database: DatabaseAccess
    kafka: KafkaAccess
    queue: QueueAccess
    mapping: MappingFile


class SnapshotSettings(Settings):
    """Of commands that look at the snapshot."""

    snapshot: SnapshotFolder


class FetchSettings(Settings):
    """Of the command that brings a snapshot here."""

    source: SourceAccess


class CutoverSettings(Settings):
    """Of the command that cuts over."""

    kafka: KafkaAccess
    mapping: MappingFile
    hooks: CutoverHooks
