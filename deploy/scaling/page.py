"""The deployed policy in every scenario, and what docs/scaling.md shows of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deploy.reading import read_settings
from deploy.scaling.drawing import drawn
from deploy.scaling.model import Run, World, simulate
from deploy.scaling.policy import Policy, deployed_policy
from deploy.scaling.promises import judged
from deploy.scaling.stories import EVERY
from deploy.scaling.tracking import ScaleIn

ROOT = Path(__file__).parents[2]
PICTURE, PAGE = ROOT / "docs" / "scaling.svg", ROOT / "docs" / "scaling.md"
BEGINS, ENDS = "<!-- runs: python -m deploy.scaling -->\n", "<!-- end of runs -->\n"
EXAMPLE, NAME = ROOT / "deploy" / "examples" / "new_everything.yaml", "migration"

ROWS_PER_WORKER = 22_852 / 2
"""Row b of the benchmarks, 1,000,000 rows on new keys by two workers, in the slowest run that was seen: a policy that
does with slow workers has time to spare with those of docs/benchmarks.md."""
SERVER_MICROSECONDS = 46
"""In MySQL for one record, in the same run."""
_PROCESSORS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}


def the_policy() -> Policy:
    """Of the committed template and its settings."""
    template = json.loads((ROOT / "deploy" / "templates" / f"{NAME}.template.json").read_text(encoding="utf-8"))
    [settings] = [one for one in read_settings(EXAMPLE).stacks if one.name == NAME]
    return deployed_policy(template, least=settings.workers.least)


def the_world() -> World:
    """With the server of the same settings."""
    [settings] = [one for one in read_settings(EXAMPLE).stacks if one.name == NAME]
    assert settings.database.new is not None  # noqa: S101 - the example makes its server
    processors = _PROCESSORS[settings.database.new.instance.rpartition(".")[2]]
    return World(ROWS_PER_WORKER, processors * 1e6 / SERVER_MICROSECONDS)


def runs(policy: Policy, world: World) -> list[Run]:
    """Every scenario."""
    return [simulate(policy, scenario, world) for scenario in EVERY]


def picture() -> str:
    """The text of docs/scaling.svg."""
    policy = the_policy()
    return drawn(runs(policy, the_world()), policy.most)


def table() -> str:
    """The lines between the marks in docs/scaling.md: the worse of both ways in which tasks may be removed."""
    policy, world = the_policy(), the_world()
    both = [replace(world, scale_in=one) for one in ScaleIn]
    lines = [
        "| scenario | rows starve, min | with all tasks at once | turns (may be) | tasks | task-hours | at least |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [_line(policy, tried, both) for tried in zip(*(runs(policy, one) for one in both), strict=True)]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/scaling.md with its table as it is now."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGINS)
    return before + BEGINS + table() + ENDS + rest.partition(ENDS)[2]


def _line(policy: Policy, tried: Sequence[Run], worlds: Sequence[World]) -> str:
    found = [judged(policy, run, world) for run, world in zip(tried, worlds, strict=True)]
    scenario = tried[0].scenario
    cells = (
        scenario.title,
        f"{max(one.starving_minutes for one in found):.0f}",
        f"{max(one.best_minutes for one in found):.0f}",
        f"{max(one.turns for one in found)} ({2 * scenario.rises - 1})",
        f"{max(one.most_tasks for one in found)}",
        f"{max(one.task_hours for one in found):.1f}",
        f"{found[0].least_hours:.1f}",
    )
    return f"| {' | '.join(cells)} |"
