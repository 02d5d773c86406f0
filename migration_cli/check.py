"""`migration check`: configuration, connections, schema and mapping, before any work."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, show_table
from migration_core.errors import ConfigError
from migration_core.finding import Finding, Verdict, failed, guarded, passed
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_core.mapping import CompiledMapping
    from runtime.settings import Settings


def check(*, as_json: Json = False) -> None:
    """Check everything that the services need, and say for each fault what to do.

    Exit 1 when something is wrong, 75 when the only fault is that a part does not answer.

    Example: migration check --json
    """
    found = list(findings())
    if as_json:
        say_json(found)
    else:
        show(found)
    code = exit_code(found)
    if code is not Exit.DONE:
        raise typer.Exit(code)


def show(found: Sequence[Finding]) -> None:
    """One line for each finding, and how many there are of each verdict."""
    rows = [(one.verdict, one.part, one.check, one.found, one.remedy) for one in found]
    show_table(("", "part", "check", "found", "remedy"), rows)
    say(_sum(found))


def exit_code(found: Iterable[Finding]) -> Exit:
    """What the findings mean for a script. Pure."""
    verdicts = {one.verdict for one in found}
    if Verdict.FAIL in verdicts:
        return Exit.FAILED
    return Exit.TRY_AGAIN if Verdict.AWAY in verdicts else Exit.DONE


def findings() -> Iterator[Finding]:
    """What every check of every part finds."""
    from migration_cli import needs
    from migration_statistics.checks import statistic_findings
    from migration_verifier.checks.database import database_findings
    from migration_verifier.checks.mapping import mapping_findings
    from migration_verifier.checks.queue import queue_findings
    from migration_verifier.checks.topics import topic_findings
    from migration_verifier.checks.way_back import way_back_findings

    def of_database() -> Iterator[Finding]:
        with access.database() as control:
            yield from database_findings(control)

    def of_mapping() -> Iterator[Finding]:
        with access.database() as control:
            yield from mapping_findings(needs.MappingSettings.from_env(os.environ).mapping.path, control)

    def of_way_back() -> Iterator[Finding]:
        yield from way_back_findings(needs.MappingSettings.from_env(os.environ).mapping.path)

    def of_statistics() -> Iterator[Finding]:
        with access.database() as control:
            yield from statistic_findings(needs.MappingSettings.from_env(os.environ).mapping.path, control)

    def of_topics() -> Iterator[Finding]:
        yield from topic_findings(_mapping(), access.cluster())

    def of_queue() -> Iterator[Finding]:
        yield from queue_findings(needs.QueueSettings.from_env(os.environ).queue)

    yield from _part("database", needs.DatabaseSettings, of_database)
    yield from _part("mapping", needs.MappingSettings, of_mapping)
    yield from _part("statistics", needs.MappingSettings, of_statistics)
    yield from _part("way back", needs.MappingSettings, of_way_back)
    yield from _part("topics", needs.KafkaSettings, of_topics)
    yield from _part("queue", needs.QueueSettings, of_queue)


def _part(part: str, settings: "type[Settings]", findings: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The variables of a part, and if they are right, what its own checks find."""
    try:
        given = settings.from_env(os.environ).effective()
    except ConfigError as error:
        yield failed(part, "environment", str(error), "set what is named")
        return
    yield passed(part, "environment", ", ".join(f"{name}={value}" for name, value in given.items()))
    yield from guarded(part, findings)


def _mapping() -> "CompiledMapping | None":
    """The mapping without the processed schema; None where it has faults, which its own part tells."""
    from runtime.mapping_file import compiled

    try:
        path = access.mapping_path()
        return compiled(path) if path else None
    except ConfigError:
        return None


def _sum(found: Sequence[Finding]) -> str:
    counts = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
