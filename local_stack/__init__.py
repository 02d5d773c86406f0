"""Real MySQL, Kafka and an SQS server on this machine, with containers or without, for the replay and the tests."""

from local_stack.servers import Servers
from local_stack.stack import LocalStack, running

__all__ = ["LocalStack", "Servers", "running"]
