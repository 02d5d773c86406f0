"""`migration master`, `worker` and `verifier`: the services in the foreground, exactly as their containers run them."""

import typer


def master() -> None:
    """Run the master until it is asked to leave: store every record of the topics exactly once, and ring for it.

    A second master takes over from the first, which then exits 75.

    Example: migration master
    """
    from migration_master.__main__ import main

    raise typer.Exit(main())


def worker() -> None:
    """Run a worker until it is asked to leave: apply raw rows to the processed schema; run as many as you like.

    Example: migration worker
    """
    from migration_worker.__main__ import main

    raise typer.Exit(main())


def verifier() -> None:
    """Run the verifier until it is asked to leave: prove again and again that every row has exactly one outcome.

    Example: migration verifier
    """
    from migration_verifier.__main__ import main

    raise typer.Exit(main())
