"""Which variables each kind of command needs."""

from runtime.settings import CutoverHooks, DatabaseAccess, KafkaAccess, MappingFile, QueueAccess, Settings


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


class TakeSettings(Settings):
    """Of the command that makes a snapshot from topics."""

    kafka: KafkaAccess
    mapping: MappingFile


class CutoverSettings(Settings):
    """Of the command that cuts over."""

    kafka: KafkaAccess
    mapping: MappingFile
    hooks: CutoverHooks
