"""`migration worker` and the like: the services, run in the foreground exactly as their containers run them."""

import typer


def worker() -> None:
    """Run a worker until it is asked to leave: apply raw rows to the processed schema; run as many as you like.

    Example: migration worker
    """
    from migration_worker.__main__ import main

    raise typer.Exit(main())
