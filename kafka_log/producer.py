"""Records into topics: for the replay's live writer, benchmarks and tests, never by the services."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from kafka_log import settings
from kafka_log.failure import failure
from kafka_log.trouble import client_of
from migration_core.errors import Transient
from migration_core.headers import Header

_FLUSH_SECONDS = 60.0
_ANY_PARTITION = -1

Delivered = Callable[[int, int], None]
"""Called with (partition, offset) once a record is stored."""


class LogWriter:
    """An idempotent producer; a record that could not be stored is raised by the next `flush`."""

    def __init__(self, config: settings.Config, *, transactional_id: str | None = None, linger_ms: int = 5) -> None:
        wanted = {**settings.writing(config, transactional_id=transactional_id), "linger.ms": linger_ms}
        self._producer = client_of(Producer, {**wanted, "on_delivery": self._reported})
        self._failed: KafkaError | None = None
        if transactional_id:
            self._transactional(self._producer.init_transactions, "beginning to write transactions")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = _ANY_PARTITION,
        headers: Sequence[Header] | None = None,
        time: int | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Hand one record over; waits while the queue is full. `time` is in milliseconds since the epoch."""
        optional: dict[str, Any] = {}
        if headers:
            optional["headers"] = list(headers)
        if time is not None:
            optional["timestamp"] = time
        if delivered is not None:
            optional["on_delivery"] = self._telling(delivered)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, **optional)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def poll(self) -> None:
        """Serve callbacks; call it now and then when `delivered` matters."""
        self._producer.poll(0)

    def flush(self, timeout: float = _FLUSH_SECONDS) -> None:
        """Return when everything handed over is stored, else raise."""
        left = self._producer.flush(timeout)
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise failure(KafkaException(error), "storing a record")
        if left:
            raise Transient(f"{left} records were not stored within {timeout:g} s")

    def begin(self) -> None:
        """Begin a transaction."""
        self._transactional(self._producer.begin_transaction, "beginning a transaction")

    def commit(self) -> None:
        """Commit it."""
        self._transactional(self._producer.commit_transaction, "committing a transaction")

    def abort(self) -> None:
        """Write everything handed over, then abort: the records are in the log, and no reader may see them."""
        self.flush()
        self._transactional(self._producer.abort_transaction, "aborting a transaction")

    def close(self) -> None:
        """Store what is left, and leave the brokers."""
        self.flush()

    def _transactional(self, act: Callable[[], None], what: str) -> None:
        try:
            act()
        except KafkaException as error:
            raise failure(error, what) from error

    def _reported(self, error: KafkaError | None, _message: Message) -> None:
        self._failed = error or self._failed

    def _telling(self, delivered: Delivered) -> Callable[[KafkaError | None, Message], None]:
        def reported(error: KafkaError | None, message: Message) -> None:
            self._reported(error, message)
            if error is None:
                delivered(cast("int", message.partition()), cast("int", message.offset()))

        return reported
