"""A proxy before the real SQS server that keeps the rules of AWS, and lies in every way in which AWS may."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from random import Random
from threading import Event, Lock
from urllib.parse import urlsplit

from tests.chaos.http_door import HttpDoor
from tests.chaos.sqs_faults import Answer, Fault, Onward, Rates, Request, drawn
from tests.chaos.sqs_rules import AwsRules
from tests.chaos.withheld import Withheld

REMEMBERED_SECONDS = 300.0
"""For so long AWS knows a deduplication id."""
_TARGET = "AmazonSQS."
_HEADER = "X-Amz-Target"
_LAST_REQUESTS = 1000
_ANSWERS_WITHIN_SECONDS = 30


class SqsProxy:
    """Told at any time what goes wrong: with the next requests, with a share of all, or with the whole service.

    `seed` decides what chance does; where several clients ask at once, which of them asks first decides too.
    `faster` shortens the five minutes for which deduplication ids are remembered.
    """

    def __init__(self, upstream: str, *, seed: int = 1, faster: float = 1.0) -> None:
        self.upstream = urlsplit(upstream)
        self.requests: dict[str, deque[Request]] = defaultdict(partial(deque, maxlen=_LAST_REQUESTS))
        """The last ones of each operation, as they came."""
        self.happened: Counter[str] = Counter()
        """How often each fault at a rate or of the whole service has struck, and a receipt has expired by itself."""
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._rates = Rates()
        self._chance = Random(seed)
        self._queues: set[str] = set()
        self._lock = Lock()
        self._speaks = Event()
        self._speaks.set()
        self._rules = AwsRules(self._forward, remembers=REMEMBERED_SECONDS / faster, happened=self.happened)
        self._withheld = Withheld(partial(self._rules.carry_out, "SendMessageBatch"))
        self._door = HttpDoor(_HEADER, self._answer)
        self.port = self._door.port
        self.url = f"http://127.0.0.1:{self.port}"

    def next(self, operation: str, *faults: Fault) -> None:
        """Plan what happens to the coming requests of one operation."""
        self._planned[operation].extend(faults)

    def at(self, rates: Rates) -> None:
        """From now on faults strike by chance, beside those that are planned."""
        self._rates = rates

    def away(self) -> None:
        """Connections are refused, and those that are open end."""
        self.happened["away"] += 1
        self._door.shut()

    def black_hole(self) -> None:
        """Connections are taken, and nothing is ever answered."""
        self._speaks.clear()

    def purge(self) -> None:
        """Empty every queue that was asked for; what is held back comes all the same."""
        for queue_url in sorted(self._queues):
            self.happened["purged"] += 1
            self._rules.carry_out("PurgeQueue", {"QueueUrl": queue_url})

    def clear(self) -> None:
        """Every fault ends: the service is there, and what it held back is delivered."""
        self._planned.clear()
        self._rates = Rates()
        self._speaks.set()
        self._door.open()
        self._withheld.let_go()

    def close(self) -> None:
        """End everything; nothing that is held back is delivered."""
        self._withheld.drop()
        self._speaks.set()
        self._door.close()

    def _answer(self, target: str, request: Request) -> Answer:
        operation = target.removeprefix(_TARGET)
        if not self._speaks.is_set():
            self.happened["black_hole"] += 1
            self._speaks.wait()
            return None
        with self._lock:
            self.requests[operation].append(request)
            self._queues |= {request["QueueUrl"]} if "QueueUrl" in request else set()
            fault = self._fault(operation, request)
        carry_out = partial(self._carry_out, operation)
        if fault is None:
            return carry_out(request)
        return fault(request, Onward(carry_out, self._withheld.hold, self._withheld.let_overtake, self._rules.again))

    def _fault(self, operation: str, request: Request) -> Fault | None:
        if self._planned[operation]:
            return self._planned[operation].popleft()
        names, fault = drawn(self._rates, operation, request, self._chance)
        self.happened.update(names)
        return fault

    def _carry_out(self, operation: str, request: Request) -> Answer:
        answer = self._rules.carry_out(operation, request)
        if operation == "SendMessageBatch":
            self._withheld.overtaken()
        return answer

    def _forward(self, operation: str, request: Request) -> Answer:
        """The server's own answer; none where it is away."""
        connection = HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=_ANSWERS_WITHIN_SECONDS)
        headers = {_HEADER: _TARGET + operation, "Content-Type": "application/x-amz-json-1.0"}
        try:
            connection.request("POST", "/", json.dumps(request), headers)
            found = connection.getresponse()
            return found.status, json.loads(found.read() or b"{}")
        except (OSError, HTTPException, ValueError):
            return None
        finally:
            connection.close()


@contextmanager
def sqs_proxy(upstream: str, *, seed: int = 1, faster: float = 1.0) -> Iterator[SqsProxy]:
    """A proxy of one test."""
    proxy = SqsProxy(upstream, seed=seed, faster=faster)
    try:
        yield proxy
    finally:
        proxy.close()
