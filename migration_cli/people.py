"""Who gives a command, for records of decisions."""

from typing import Annotated

import typer

Who = Annotated[str, typer.Option("--by", help="Your name, kept with the decision. Default: the user of this machine.")]

Because = Annotated[str, typer.Option(help="Why; the sign-off shows it.")]


def refuse_empty(because: str) -> None:
    """A decision without a reason tells nobody anything."""
    if not because.strip():
        from migration_core.errors import ConfigError

        raise ConfigError("--because is empty: write what whoever signs must know")


def named(who: str) -> str:
    """The name as given, else the user that this process runs as."""
    if who:
        return who
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):  # a container's user need not be in any list
        return "unknown"
