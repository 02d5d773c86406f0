"""A series as the geometry of a small line chart; the template draws it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from migration_core.report import Series

WIDTH, HEIGHT = 640, 150
LEFT, RIGHT, TOP, BOTTOM = 72, 8, 10, 22
_MOST_POINTS = 320
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template needs: a path and labelled ticks, in the SVG's own units."""

    title: str
    unit: str
    line: str
    levels: tuple[tuple[float, str], ...]
    """(y, label)."""
    moments: tuple[tuple[float, str, str], ...]
    """(x, label, text-anchor)."""
    most: str
    last: str


def chart(of: Series) -> Chart | None:
    """None where there is no line to draw."""
    points = thinned(of.points, _MOST_POINTS)
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    first, last = points[0][0], points[-1][0]
    top = _round_up(max(value for _, value in points))
    span = last - first or 1.0

    def x(at: float) -> float:
        return round(LEFT + (at - first) / span * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM), 1)

    return Chart(
        of.title,
        of.unit,
        " ".join(f"{x(at)},{y(value)}" for at, value in points),
        tuple((y(top * share), _number(top * share)) for share in (0.0, 0.5, 1.0)),
        tuple((x(at), _moment(at, span), anchor) for at, anchor in ((first, "start"), (last, "end"))),
        _number(max(value for _, value in of.points)),
        _number(of.points[-1][1]),
    )


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points, each the highest of its neighbours: a peak must not vanish from the picture."""
    if len(points) <= most:
        return list(points)
    return [max(part, key=lambda point: point[1]) for part in _parts(points, ceil(len(points) / most))]


def _parts(points: Sequence[tuple[float, float]], size: int) -> Iterator[Sequence[tuple[float, float]]]:
    for start in range(0, len(points), size):
        yield points[start : start + size]


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, so that ticks are round numbers."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** floor(log10(value))
    return next((step * scale for step in (1, 2, 5, 10) if step * scale >= value), 10 * scale)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - tenths below ten


def _moment(at: float, span: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M" if span > _DAY / 2 else "%H:%M:%S")
