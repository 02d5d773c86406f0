"""No decision asks the machine what time it is: such clocks step, and differ from host to host."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "db", "kafka_log", "migration_cli", "migration_core", "migration_master", "migration_verifier", "migration_worker",
    "runtime", "snapshot_loader", "work_queue",
)  # fmt: skip
WALL = (
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.now", "datetime.today", "datetime.utcnow",
    "date.today",
)  # fmt: skip
TOLD_ONLY = {
    "migration_cli/cost.py": "whether prices are too old to be believed",
    "migration_cli/cutover_parts.py": "for charts: when a measurement was taken",
    "migration_cli/purge.py": "a person's `--older-than` in days; what goes is proven by the audit, not by its age",
    "migration_cli/status.py": "the age of records, for people",
    "migration_master/master.py": "the age of records, for a warning",
    "migration_verifier/__main__.py": "the age of rows, for metrics and charts",
    "migration_verifier/report/gathering.py": "the date on a report",
    "migration_worker/observed.py": "the latency that metrics tell",
    "runtime/service.py": "the time stamp of metrics",
    "snapshot_loader/adopting.py": "the date in a manifest",
    "snapshot_loader/taking.py": "the date in a manifest",
}
"""{file: what it tells by the time of day}."""


def uses(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    dotted = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
    }
    return {name for name in dotted | names if any(name == wall or name.endswith(f".{wall}") for wall in WALL)}


def test_the_time_of_day_is_asked_for_only_to_be_told():
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]

    assert {str(file.relative_to(ROOT)) for file in files if uses(file)} == TOLD_ONLY.keys()


def test_every_way_to_ask_is_seen(tmp_path):
    file = tmp_path / "one.py"
    for text in ("import time\ntime.time()", "from time import time_ns", "import datetime\ndatetime.datetime.now()"):
        file.write_text(text)
        assert uses(file)
