"""`make sqs-conformance`: hold an SQS server against what FIFO queues do at AWS, and tell where it differs.

Without options: the ElasticMQ of the local stack, directly and behind the proxy that mends what matters of it.
Exit code 0 when every difference found is in the table and every one in the table was found, 1 when not.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from local_stack.choice import choose
from migration_cli.console import show_table
from migration_core.errors import ConfigError, Transient
from runtime.exits import Exit, run
from tests.chaos.sqs_proxy import REMEMBERED_SECONDS, sqs_proxy
from tests.conformance.every import AWS, CASES, DIFFERENCES, ELASTICMQ, PROXY
from tests.conformance.examining import Found, Target, examine, summary, surprises
from work_queue.client import client

SHORTENED = 50.0
"""By this factor the proxy remembers deduplication ids for less than five minutes."""
_REGION = "us-east-1"
_EXAMPLE = """\
Example:
  make sqs-conformance
  .venv/bin/python -m tests.conformance --endpoint http://localhost:9324
  .venv/bin/python -m tests.conformance --aws --region eu-central-1 --slow
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when what is found is what is expected."""
    options = _options(arguments)
    chosen = [case for case in CASES if not options.only or case.name in options.only]
    found: list[Found] = []
    with ExitStack() as end:
        for target in _targets(options, end):
            _say(f"{target.name}: {len(chosen)} cases ...")
            found += examine(target, chosen, slow=options.slow)
    unexpected = surprises(found, DIFFERENCES)
    if options.json:
        told = {"cases": [asdict(one) for one in found], "unexpected": [one.words for one in unexpected]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        _show(found)
        for one in unexpected:
            sys.stdout.write(f"{one.words}\n")
        sys.stdout.write(f"{summary(found)}; {'as expected' if not unexpected else 'NOT as expected'}\n")
    return Exit.FAILED if unexpected else Exit.DONE


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="make sqs-conformance", description=__doc__, epilog=_EXAMPLE, formatter_class=RawDescriptionHelpFormatter
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--endpoint", metavar="URL", help="the server to examine (the local stack's ElasticMQ)")
    where.add_argument("--aws", action="store_true", help="examine AWS itself, with the SDK's credentials")
    parser.add_argument("--region", default=_REGION, help=f"of AWS ({_REGION})")
    parser.add_argument("--slow", action="store_true", help="cases that take minutes too")
    parser.add_argument(
        "--only", action="append", metavar="CASE", choices=[case.name for case in CASES], help="this case alone"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    return parser.parse_args(arguments)


def _targets(options: Namespace, end: ExitStack) -> list[Target]:
    if options.aws:
        return [_target(AWS, options.region, None, REMEMBERED_SECONDS)]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "none")  # what the SDK insists on and no local server looks at
    endpoint = options.endpoint
    if endpoint is None:
        servers = choose(say=_say)
        end.callback(servers.stop)
        endpoint = servers.servers.sqs_endpoint
    proxy = end.enter_context(sqs_proxy(endpoint, faster=SHORTENED))
    return [
        _target(ELASTICMQ, options.region, endpoint, REMEMBERED_SECONDS),
        _target(PROXY, options.region, proxy.url, REMEMBERED_SECONDS / SHORTENED),
    ]


def _target(name: str, region: str, endpoint: str | None, remembers: float) -> Target:
    """A server that answers, or words that say what is missing."""
    sqs = client(region, endpoint=endpoint)
    try:
        sqs.list_queues(MaxResults=1)
    except NoCredentialsError as error:
        raise ConfigError(
            "AWS has no credentials here: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
        ) from error
    except ClientError as error:
        raise ConfigError(f"{name} refuses to list queues: {error.response['Error'].get('Code')}") from error
    except BotoCoreError as error:
        raise Transient(
            f"{name} does not answer at {endpoint or region}; start it, or name another --endpoint"
        ) from error
    return Target(name, sqs, remembers)


def _show(found: Sequence[Found]) -> None:
    targets = list(dict.fromkeys(one.target for one in found))
    outcome = {(one.case, one.target): one for one in found}
    rows = [
        (case.name, *(_word(outcome[case.name, target]) for target in targets))
        for case in CASES
        if (case.name, targets[0]) in outcome
    ]
    show_table(("case", *targets), rows)


def _word(found: Found) -> str:
    if found.skipped:
        return "skipped (--slow)"
    return found.difference or "as at AWS"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(run(main))
