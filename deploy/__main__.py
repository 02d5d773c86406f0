"""`python -m deploy SETTINGS FOLDER`: the templates of all stacks of a settings file, written into a folder."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from deploy.reading import read_settings
from deploy.synth import templates, text_of
from migration_core.errors import ConfigError

_USAGE = 2


def main() -> int:
    """0 when all are written; 2 with every fault of the settings and its place."""
    parser = ArgumentParser(
        prog="python -m deploy",
        description="Write the CloudFormation template of each stack; needs no account and no network.",
        epilog="Example: python -m deploy deploy/examples/new_everything.yaml deploy/templates",
    )
    parser.add_argument("settings", type=Path, help="what to deploy, as in deploy/examples")
    parser.add_argument("folder", type=Path, help="where NAME.template.json of each stack goes")
    given = parser.parse_args()
    try:
        found = templates(read_settings(given.settings))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, template in found.items():
        path = given.folder / f"{name}.template.json"
        path.write_text(text_of(template), encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
