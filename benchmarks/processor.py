"""Processor time of the MySQL server, where this machine lets it be seen; busy neighbours do not change it much."""

from pathlib import Path

import psutil

from db.engine import Database


class ServerTime:
    """Of one server; `seconds` stays None where its process cannot be found or looked into."""

    def __init__(self, database: Database) -> None:
        with database.transaction() as session:
            uuid, folder = session.one("SELECT @@server_uuid, @@datadir") or ("", "")
        self._process = next((one for one in psutil.process_iter() if _is(one, str(uuid), str(folder))), None)

    def seconds(self) -> float | None:
        """Its processor time so far."""
        if self._process is None:
            return None
        times = self._process.cpu_times()
        return times.user + times.system


def per_100_000(before: float | None, after: float | None, rows: int) -> float | None:
    """The seconds between two looks as a share for 100,000 rows."""
    return None if before is None or after is None else (after - before) * 100_000 / rows


def _is(process: psutil.Process, uuid: str, folder: str) -> bool:
    """Whether this process serves the data folder that carries the UUID, be it in a container."""
    try:
        if not any("mysqld" in part for part in process.cmdline()[:4]):
            return False
        own = Path(f"/proc/{process.pid}/root{folder}/auto.cnf")
        # Another server of the same machine can see the file too, but has not opened anything beside it.
        return uuid in own.read_text(encoding="utf-8") and any(
            Path(file.path).is_relative_to(folder) for file in process.open_files()
        )
    except (psutil.Error, OSError):
        return False
