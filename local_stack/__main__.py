"""`python -m local_stack up|down|status|logs|reset`."""

import argparse
import shlex
import sys

from local_stack.stack import SERVERS, LocalStack
from runtime.exits import Exit, run

_LINES = 40


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="fetch what is missing, start what does not run, print where it is")
    up.add_argument("--env", action="store_true", help="print it as shell variables, for eval")
    verbs.add_parser("down", help="stop the servers; their data stay")
    verbs.add_parser("status", help="exit 0 when all three answer, else say why one does not and exit 1")
    logs = verbs.add_parser("logs", help="the last lines of the logs")
    logs.add_argument("server", nargs="?", choices=[server.name for server in SERVERS])
    verbs.add_parser("reset", help="stop the servers and remove their data; downloads stay")
    asked = parser.parse_args()
    stack = LocalStack()
    match asked.verb:
        case "up":
            _up(stack, as_env=asked.env)
        case "down":
            stack.down()
        case "status":
            return _status(stack)
        case "logs":
            _logs(stack, asked.server)
        case "reset":
            stack.reset()
    return Exit.DONE


def _up(stack: LocalStack, *, as_env: bool) -> None:
    servers = stack.up()
    if as_env:
        for name, value in servers.environment().items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        print("\n".join(servers.lines()))


def _status(stack: LocalStack) -> int:
    found = stack.status()
    for one in found:
        print(f"{one.title:<10} {one.version or '-':<12} {one.address if one.running else one.reason or 'not running'}")
    return Exit.DONE if all(one.running for one in found) else Exit.FAILED


def _logs(stack: LocalStack, only: str | None) -> None:
    for server in SERVERS:
        log = stack.log(server.name)
        if only in (None, server.name) and log.exists():
            print(f"==> {log}")
            print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]))


if __name__ == "__main__":
    sys.exit(run(main))
