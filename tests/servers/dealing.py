"""In which order the files of tests are dealt out to the processes of a run, so that all of them end together."""

from pathlib import Path

import pytest

_UNIT = Path(__file__).parents[1] / "unit"


def in_turn(items: list[pytest.Item]) -> None:
    """Sort `items` in place for `pytest --dist=loadfile --no-loadscope-reorder`: long files first, unit tests last.

    A file stays in one process, because worlds that its tests share take up to half a minute to make.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path.is_relative_to(_UNIT):
        return 2
    return 0 if item.get_closest_marker("long") else 1
