"""The figures of a campaign as docs/reliability.md shows them, between its markers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from local_stack.folders import ROOT
from tests.chaos.campaign import Campaign, kills_of
from tests.chaos.plan import ROLES, STEPS
from tests.chaos.recovery import Recovery

PAGE = ROOT / "docs" / "reliability.md"


def campaign_text(campaign: Campaign, *, date: datetime | None = None) -> str:
    """Markdown."""
    kills, rounds = kills_of(campaign.rounds), campaign.rounds
    failures = sum(bool(one.deviations) for one in rounds)
    where = defaultdict(Counter)
    for one in rounds:
        for role, steps in one.kills.items():
            where[role].update(steps)
    head = (
        f"`make chaos FULL=1 SEED={campaign.seed}` on {(date or datetime.now(UTC)):%Y-%m-%d}: {len(rounds)} rounds, "
        f"{campaign.records:,} records, {kills.total():,} kill -9, {failures} rounds with a deviation."
    )
    lines = [
        head,
        "",
        *_bound(kills.total(), failures),
        "| role | kill -9 | at a random moment | at a step | steps hit |",
        "|---|---|---|---|---|",
    ]
    for role in ROLES:
        steps = {step: count for step, count in where[role].items() if step in STEPS.get(role, ())}
        at_steps = sum(steps.values())
        hit = f"{len(steps)} of {len(STEPS[role])}" if role in STEPS else "—"
        lines.append(f"| {role} | {kills[role]:,} | {kills[role] - at_steps:,} | {at_steps:,} | {hit} |")
    others = sum((Counter(one.faults) for one in rounds), Counter())
    told = ", ".join(
        f"{name} {count:,}" for name, count in sorted(others.items()) if not name.startswith("kill server")
    )
    return "\n".join([*lines, "", f"Done to the runs from outside: {told}."])


def recovery_text(recoveries: Sequence[Recovery], seed: int, *, date: datetime | None = None) -> str:
    """Markdown."""
    by_fault = defaultdict(list)
    for one in recoveries:
        by_fault[one.fault].append(one)
    head = (
        f"`make chaos T=recovery SEED={seed}` on {(date or datetime.now(UTC)):%Y-%m-%d}; "
        "seconds from the end of the fault, p50 / max."
    )
    lines = [
        head,
        "",
        "| fault | times | full rate again | all caught up | a lane stood still |",
        "|---|---|---|---|---|",
    ]
    for fault, ones in by_fault.items():
        figures = (
            [one.full_rate for one in ones], [one.caught_up for one in ones], [one.stood_still for one in ones],
        )  # fmt: skip
        shown = " | ".join(f"{median(figure):.1f} / {max(figure):.1f}" for figure in figures)
        lines.append(f"| {fault} | {len(ones)} | {shown} |")
    return "\n".join(lines)


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no markers {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _bound(kills: int, failures: int) -> list[str]:
    if failures or not kills:
        return []
    told = f"0 failures in {kills:,} kills bounds the failure probability per kill at 95 % by 3/{kills:,} = "
    return [f"{told}{3 / kills:.2%}. It does not prove that there is none.", ""]
