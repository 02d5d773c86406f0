"""Gathers the fields that no column takes, stores the sums now and then, and raises the alarm for new ones."""

import logging
import time
from collections.abc import Callable
from threading import Lock

from db import unmapped
from db.engine import Database
from migration_core.unmapped import LookedAt, UnmappedField, new_fields

log = logging.getLogger(__name__)

_STORE_SECONDS = 5.0


class FieldWatch:
    """One a process, fed by every thread that applies lanes; what a killed process had not stored is not counted."""

    def __init__(
        self,
        database: Database,
        *,
        told: Callable[[str, int, int], None] = lambda _stream, _unmapped, _new: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._told = told
        self._clock = clock
        self._lock = Lock()
        self._gathered: dict[str, LookedAt] = {}
        self._next_store = 0.0
        self._alarmed: set[tuple[str, str]] = set()

    def count(self, stream: str, looked: LookedAt) -> None:
        """Take in what one committed transaction looked at."""
        if looked.documents:
            with self._lock:
                self._gathered.setdefault(stream, LookedAt()).add(looked)

    def store_regularly(self) -> None:
        """Store the sums when it is time to."""
        if self._clock() >= self._next_store:
            self._next_store = self._clock() + _STORE_SECONDS
            self.store()

    def store(self) -> None:
        """Add what was gathered to the control schema, and look whether any field is new on many records."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
        if not gathered:
            return
        try:
            with self._database.transaction() as session:
                for stream, looked in sorted(gathered.items()):
                    unmapped.add(session, stream, looked)
                found = unmapped.unmapped_fields(session)
        except BaseException:
            for stream, looked in gathered.items():
                self.count(stream, looked)  # the next try has it
            raise
        for stream in gathered:
            self._tell(stream, [one for one in found if one.stream == stream])

    def _tell(self, stream: str, fields: list[UnmappedField]) -> None:
        new = new_fields(fields)
        self._told(stream, len(fields), len(new))
        for one in new:
            if (stream, one.path) not in self._alarmed:
                self._alarmed.add((stream, one.path))
                fields_told = {"documents": one.documents, "looked_at": one.looked_since}
                log.error("new_field", extra={"stream": stream, "field_path": one.path, **fields_told})
