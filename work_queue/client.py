"""The SDK's client, one a process: bounded time-outs, endpoint and credentials as the SDK finds them."""

from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient  # of the development environment only

LONGEST_WAIT = timedelta(seconds=5)
"""Of one receive. A SIGTERM waits for the poll in flight to end, and a task has 10 s to leave."""

_ANSWER = timedelta(seconds=2)
_CONNECT = timedelta(seconds=1)
_CONNECTIONS = 4


def client(region: str, *, endpoint: str | None = None, wait: timedelta = LONGEST_WAIT) -> "SQSClient":
    """A client for receives of at most `wait`; a program that only sends gives zero and gives up sooner."""
    if not timedelta() <= wait <= LONGEST_WAIT:
        raise ValueError(f"wait is {wait}, at most {LONGEST_WAIT} leave a stopping process its time")
    config = Config(
        connect_timeout=_CONNECT.total_seconds(),
        # A receive that finds nothing answers after `wait`: a shorter time-out would lose its messages for 30 s.
        read_timeout=(wait + _ANSWER).total_seconds(),
        # The SDK would repeat a time-out too, and a stopping process has no time for that: WorkQueue repeats by itself.
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        parameter_validation=False,
    )
    return boto3.client("sqs", region_name=region, endpoint_url=endpoint, config=config)
