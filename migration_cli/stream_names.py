"""Streams named on the command line, checked against those that are registered."""

from collections.abc import Sequence
from difflib import get_close_matches

from migration_core.errors import ConfigError


def refuse_unclear(asked: Sequence[str], *, everything: bool) -> None:
    """Either names or --all, never both and never neither."""
    if everything == bool(asked):
        raise ConfigError("name streams, or write --all")


def chosen(asked: Sequence[str], known: Sequence[str], *, everything: bool) -> list[str]:
    """The streams that a command shall act on; ConfigError names the one that is meant."""
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"registered are: {', '.join(known) or 'none'}"
            raise ConfigError(f"there is no stream {name!r}; {hint}")
    return list(known) if everything else list(dict.fromkeys(asked))
