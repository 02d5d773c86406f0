"""Runs as one SVG: tasks as a line, rows that wait as an area behind it."""

from collections.abc import Sequence

from deploy.scaling.model import Run, Sample

_WIDE, _HIGH, _LEFT, _TOP, _BELOW = 430, 110, 34, 30, 26
_COLUMNS = 2
_EVERY = 2
"""Of two samples the later one is drawn: a minute is less than a pixel."""
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">'
    '<rect width="100%" height="100%" fill="#fff"/>'
)


def drawn(runs: Sequence[Run], most: int) -> str:
    """The text of the file, the same for the same runs."""
    rows = -(-len(runs) // _COLUMNS)
    width, height = _COLUMNS * (_WIDE + _LEFT + 40), rows * (_HIGH + _TOP + _BELOW)
    parts = [_HEAD.format(width=width, height=height)]
    for place, run in enumerate(runs):
        row, column = divmod(place, _COLUMNS)
        x, y = column * (_WIDE + _LEFT + 40) + _LEFT, row * (_HIGH + _TOP + _BELOW) + _TOP
        parts.append(f'<g transform="translate({x},{y})">{_panel(run, most)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(run: Run, most: int) -> str:
    samples = run.samples[::_EVERY]
    peak = max(1.0, *(one.waiting + one.held for one in run.samples))
    area = [(_x(run, one.at), _y((one.waiting + one.held) / peak)) for one in samples]
    shape = " ".join(f"L{x:.1f} {y:.1f}" for x, y in area)
    hours = "".join(
        f'<text x="{_x(run, hour * 3600):.1f}" y="{_HIGH + 14}" text-anchor="middle" fill="#555">{hour} h</text>'
        for hour in range(int(run.scenario.hours) + 1)
    )
    return (
        f'<text y="-12" font-weight="bold">{run.scenario.title}</text>'
        f'<text x="{_WIDE}" y="-12" text-anchor="end" fill="#b36b00">up to {peak / 1e6:.1f} M rows wait</text>'
        f'<path d="M0 {_HIGH} {shape} L{_WIDE} {_HIGH} Z" fill="#ffd9a0"/>'
        f'<path d="{_steps(run, samples, most)}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>'
        f'<path d="M0 0 V{_HIGH} H{_WIDE}" fill="none" stroke="#888"/>'
        f'<text x="-6" y="8" text-anchor="end" fill="#1f5fa8">{most}</text>'
        f'<text x="-6" y="{_HIGH}" text-anchor="end" fill="#1f5fa8">0</text>{hours}'
    )


def _steps(run: Run, samples: Sequence[Sample], most: int) -> str:
    """Running tasks; a step is drawn where their number changes."""
    path, last = [f"M0 {_y(samples[0].running / most):.1f}"], samples[0].running
    for one in samples:
        if one.running != last:
            path.append(f"H{_x(run, one.at):.1f} V{_y(one.running / most):.1f}")
            last = one.running
    return " ".join([*path, f"H{_WIDE}"])


def _x(run: Run, at: float) -> float:
    return at / run.scenario.seconds * _WIDE


def _y(share: float) -> float:
    return _HIGH * (1 - share)
