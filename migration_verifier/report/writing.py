"""The report as files: one page that needs no network, the same as JSON, and each table as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from migration_core.report import Cell, Report, Section, as_plain
from migration_verifier.report.charts import HEIGHT, LEFT, RIGHT, WIDTH, chart

_TEMPLATE = Path(__file__).parent / "report.html"
_SHORT, _LONG = 15, 40
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(report: Report, folder: Path) -> list[Path]:
    """All files; each appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "report.html": page(report),
        "report.json": json.dumps(as_plain(report), ensure_ascii=False, indent=1) + "\n",
        **{f"{one.key}.csv": table(one.columns, one.rows) for one in report.sections if one.rows},
        **{f"series-{one.key}.csv": table(("time", one.key), one.points) for one in report.series},
    }
    return [_placed(folder / name, text) for name, text in files.items()]


def page(report: Report) -> str:
    """The HTML; every value is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(told=told, kind=kind, upper_first=upper_first, removeprefix=str.removeprefix)
    charts = [drawn for drawn in map(chart, report.series) if drawn is not None]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        report=report, charts=charts, width=WIDTH, height=HEIGHT, left=LEFT, right=RIGHT
    )


def told(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None or cell == "":
        return "–"  # noqa: RUF001 - a dash for a person
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.1f}" if isinstance(cell, float) else cell


def kind(section: Section, place: int) -> str:
    """How a column is set: numbers to the right, short texts unbroken, long ones between words, vast ones anywhere."""
    cells = [row[place] for row in section.rows if row[place] not in (None, "")]
    if cells and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells):
        return "number"
    longest = max((len(str(cell)) for cell in cells), default=0)
    return "short" if longest <= _SHORT else "long" if longest <= _LONG else "vast"


def upper_first(text: str) -> str:
    """With a capital, and the rest as it is."""
    return text[:1].upper() + text[1:]


def table(columns: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """CSV as RFC 4180 has it; a text that a spreadsheet would run as a formula is made text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _placed(file: Path, text: str) -> Path:
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    return part.replace(file)
