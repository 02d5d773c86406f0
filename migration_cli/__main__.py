"""The entry of `migration` and of `python -m migration_cli`."""

import sys

from migration_cli.app import app
from runtime.exits import run


def main() -> None:
    """Run the command of the command line and exit with its code."""
    sys.exit(run(app))


if __name__ == "__main__":
    main()
