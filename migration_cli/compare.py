"""`migration compare`: one legacy document beside the rows that it became, for human eyes."""

from typing import TYPE_CHECKING, Annotated

import typer

from migration_cli import access
from migration_cli.console import Json, say, say_json, show_table
from migration_core.errors import ConfigError
from runtime.exits import Exit

if TYPE_CHECKING:
    from migration_verifier.verify_sample import SideBySide


def compare(
    stream: Annotated[str, typer.Argument(help="The stream.")],
    key: Annotated[list[str] | None, typer.Argument(help="The key, one word for each of its parts.")] = None,
    *,
    random: Annotated[int, typer.Option(min=0, help="Instead, so many keys drawn by chance.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Draw the same keys again.")] = None,
    as_json: Json = False,
) -> None:
    """Show a legacy document and its processed rows side by side; values are shown as they are.

    Exit 1 when the key never occurred.

    Example: migration compare users u00017
    """
    from random import Random

    from migration_verifier.verify_run import open_checks
    from migration_verifier.verify_sample import key_of_words, random_keys, side_by_side

    if bool(key) == bool(random):
        raise ConfigError("name one key, or write --random with a number")
    with access.database() as control:
        check = open_checks(control, access.needed_mapping_path(), [stream])[1][stream]
        keys = [key_of_words(check, key)] if key else list(random_keys(control, check, random, Random(seed)))  # noqa: S311 - a sample
        found = [side_by_side(control, check, one) for one in keys]
    if as_json:
        say_json(found)
    else:
        for one in found:
            _show(one)
    if not any(one.document or any(one.rows.values()) for one in found):
        raise typer.Exit(Exit.FAILED)


def _show(one: "SideBySide") -> None:
    import json
    from itertools import zip_longest

    whole = json.dumps(one.document, indent=2, ensure_ascii=False, default=str)
    left = whole.splitlines() if one.document is not None else ["no document"]
    right = []
    for table, rows in one.rows.items():
        right += [f"{table}: {len(rows)} rows"]
        right += [f"  {name} = {value}" for row in rows for name, value in row.items()]
    say(f"{one.stream} {', '.join(map(str, one.key))}, sequence {one.sequence or '-'}")
    show_table(("document", "processed rows"), zip_longest(left, right, fillvalue=""))
