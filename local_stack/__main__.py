"""`python -m local_stack fetch|up|down|status|logs|reset`."""

import argparse
import json
import os
import shlex
import sys
from dataclasses import asdict

from local_stack.choice import decide
from local_stack.fetching import say_on_stderr
from local_stack.stack import SERVERS, LocalStack
from runtime.exits import Exit, run

_LINES = 40


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("fetch", help="bring what replay and tests will need: images, or downloads for native servers")
    up = verbs.add_parser("up", help="fetch what is missing, start what does not run, print where it is")
    up.add_argument("--env", action="store_true", help="print it as shell variables, for eval")
    verbs.add_parser("down", help="stop the servers; their data stay")
    status = verbs.add_parser("status", help="exit 0 when all three answer, else say why one does not and exit 1")
    for verb in (up, status):
        verb.add_argument("--json", action="store_true", help="print it as JSON, for scripts")
    logs = verbs.add_parser("logs", help="the last lines of the logs")
    logs.add_argument("server", nargs="?", choices=[server.name for server in SERVERS])
    verbs.add_parser("reset", help="stop the servers and remove their data; downloads stay")
    asked = parser.parse_args()
    stack = LocalStack()
    match asked.verb:
        case "fetch":
            _fetch(stack)
        case "up":
            _up(stack, as_env=asked.env, as_json=asked.json)
        case "down":
            stack.down()
        case "status":
            return _status(stack, as_json=asked.json)
        case "logs":
            _logs(stack, asked.server)
        case "reset":
            stack.reset()
    return Exit.DONE


def _fetch(stack: LocalStack) -> None:
    way, reason = decide(os.environ, say_on_stderr)
    print(f"servers: {way}, because {reason}")
    if way == "native":
        stack.fetch()


def _up(stack: LocalStack, *, as_env: bool, as_json: bool) -> None:
    servers = stack.up()
    if as_json:
        print(servers.to_json())
    elif as_env:
        for name, value in servers.environment().items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        print("\n".join(servers.lines()))


def _status(stack: LocalStack, *, as_json: bool) -> int:
    found = stack.status()
    if as_json:
        print(json.dumps([asdict(one) | {"log": str(one.log), "running": one.running} for one in found]))
    else:
        for one in found:
            where = one.address if one.running else one.reason or "not running"
            print(f"{one.title:<10} {one.version or '-':<12} {where}")
    return Exit.DONE if all(one.running for one in found) else Exit.FAILED


def _logs(stack: LocalStack, only: str | None) -> None:
    for server in SERVERS:
        log = stack.log(server.name)
        if only in (None, server.name) and log.exists():
            print(f"==> {log}")
            print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]))


if __name__ == "__main__":
    sys.exit(run(main))
