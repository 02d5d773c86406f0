"""A digest by which a record that was stored is recognised when it is read again."""

from hashlib import sha256

from migration_core.records import Received


def fingerprint(record: Received) -> str:
    """SHA-256 over key, value, headers and time; lengths stand between, so that no two records share a digest."""
    digest = sha256()
    for part in (record.record_key, record.value, record.headers):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    digest.update(b"%d:%d" % (record.time_type, -1 if record.time is None else record.time))
    return digest.hexdigest()
