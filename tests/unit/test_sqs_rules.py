"""The proxy before SQS: what it knows of AWS, and what it makes of a request by plan or by chance."""

from collections import Counter
from itertools import count
from random import Random

import pytest

from tests.chaos.sqs_faults import (
    Onward,
    Rates,
    answer_lost,
    delayed,
    doubled,
    drawn,
    each,
    expired,
    lost,
    refused,
    reordered,
    to,
)
from tests.chaos.sqs_rules import AwsRules, Receipts, RememberedIds
from tests.chaos.withheld import Withheld

QUEUE = "http://sqs/000/q.fifo"
KEY = ("q.fifo", "", "id")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Answers as ElasticMQ does, with a queue whose visibility time-out is 30 s."""

    def __init__(self, scope: str = "queue") -> None:
        self.seen: list[tuple[str, dict]] = []
        self.status = 200
        self._scope = scope
        self._numbers = count()

    def __call__(self, operation: str, request: dict):
        if operation == "GetQueueAttributes":
            return 200, {"Attributes": {"VisibilityTimeout": "30", "DeduplicationScope": self._scope}}
        self.seen.append((operation, request))
        if operation == "ReceiveMessage":
            attributes = {"MessageGroupId": "g"}
            message = {
                "MessageId": "m",
                "ReceiptHandle": f"r{next(self._numbers)}",
                "Body": "b",
                "Attributes": attributes,
            }
            return self.status, {"Messages": [message]}
        lines = [{"Id": entry["Id"], "MessageId": f"m{next(self._numbers)}"} for entry in request.get("Entries", ())]
        return self.status, {"Successful": lines} if "Entries" in request else {"MessageId": f"m{next(self._numbers)}"}

    def ids(self) -> list[str]:
        """Deduplication ids of all entries that came through."""
        return [entry["MessageDeduplicationId"] for _, request in self.seen for entry in request["Entries"]]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rules(server, clock) -> AwsRules:
    return AwsRules(server, remembers=300, clock=clock, happened=Counter())


def batch(*ids: str, group: str = "g") -> dict:
    entries = [
        {"Id": str(number), "MessageBody": "b", "MessageGroupId": group, "MessageDeduplicationId": id_}
        for number, id_ in enumerate(ids)
    ]
    return {"QueueUrl": QUEUE, "Entries": entries}


def one(id_: str = "id") -> dict:
    return {"QueueUrl": QUEUE, "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": id_}


# Ids


def test_an_id_counts_from_its_first_message_on_until_its_time_is_over():
    ids = RememberedIds(300)
    ids.keep(KEY, {"MessageId": "m"}, 0)

    assert ids.find(KEY, 299.9) == {"MessageId": "m"}
    assert ids.find(KEY, 300) is None


def test_a_purged_queue_forgets_its_own_ids_and_no_others():
    ids = RememberedIds(300)
    other = ("other.fifo", "", "id")
    ids.keep(KEY, {}, 0)
    ids.keep(other, {"MessageId": "m"}, 0)

    ids.forget("q.fifo")

    assert ids.find(KEY, 1) is None
    assert ids.find(other, 1) == {"MessageId": "m"}


def test_a_double_succeeds_as_the_message_that_came_first_and_does_not_reach_the_server(rules, server):
    (first,) = rules.carry_out("SendMessageBatch", batch("a"))[1]["Successful"]

    answer = rules.carry_out("SendMessageBatch", batch("b", "a"))

    assert {line["Id"]: line["MessageId"] for line in answer[1]["Successful"]}["1"] == first["MessageId"]
    assert [entry["Id"] for _, request in server.seen for entry in request["Entries"]] == ["0", "0"]


def test_two_entries_of_a_batch_with_one_id_are_one_message(rules, server):
    answer = rules.carry_out("SendMessageBatch", batch("a", "a"))

    assert sorted(line["Id"] for line in answer[1]["Successful"]) == ["0", "1"]
    assert len(server.ids()) == 1


def test_the_server_never_takes_a_message_for_a_double_by_itself(rules, server, clock):
    for clock.now in (0, 300):
        rules.carry_out("SendMessageBatch", batch("a"))

    assert len(set(server.ids())) == 2


def test_a_message_that_the_server_refused_is_no_double_when_it_is_sent_again(rules, server):
    server.status = 500
    rules.carry_out("SendMessage", one())
    rules.carry_out("SendMessageBatch", batch("id"))
    server.status = 200

    rules.carry_out("SendMessage", one())
    rules.carry_out("SendMessage", one())

    assert len(server.seen) == 3


@pytest.mark.parametrize(("scope", "delivered"), [("queue", 1), ("messageGroup", 2)])
def test_an_id_counts_in_the_scope_of_its_queue(clock, scope, delivered):
    server = Server(scope)
    rules = AwsRules(server, remembers=300, clock=clock, happened=Counter())

    for group in "ab":
        rules.carry_out("SendMessageBatch", batch("id", group=group))

    assert len(server.ids()) == delivered


# Receipts


def test_a_receipt_is_over_at_its_moment_and_can_be_moved():
    receipts = Receipts()
    receipts.hand_out(QUEUE, [{"MessageId": "m", "ReceiptHandle": "r"}], 30)
    assert not receipts.is_over("r", 29.9)
    assert receipts.is_over("r", 30)

    receipts.move("r", 60)

    assert not receipts.is_over("r", 59)


def test_a_message_that_is_received_again_makes_its_earlier_receipt_expire():
    receipts = Receipts()
    for receipt in ("old", "new"):
        receipts.hand_out(QUEUE, [{"MessageId": "m", "ReceiptHandle": receipt}], 30)

    assert receipts.is_over("old", 0)
    assert not receipts.is_over("new", 0)


def test_receipts_are_forgotten_beyond_a_number(monkeypatch):
    monkeypatch.setattr("tests.chaos.sqs_rules._MOST_RECEIPTS", 10)
    receipts = Receipts()

    for number in range(100):
        receipts.hand_out(QUEUE, [{"MessageId": str(number), "ReceiptHandle": f"r{number}"}], 0)

    assert [number for number in range(100) if receipts.is_over(f"r{number}", 1)] == list(range(90, 100))


def test_an_expired_receipt_is_answered_as_aws_does_and_counted(rules, server, clock):
    (message,) = rules.carry_out("ReceiveMessage", {"QueueUrl": QUEUE})[1]["Messages"]
    clock.now = 30
    receipt = {"ReceiptHandle": message["ReceiptHandle"]}

    alone = rules.carry_out("DeleteMessage", {"QueueUrl": QUEUE, **receipt})
    together = rules.carry_out("DeleteMessageBatch", {"QueueUrl": QUEUE, "Entries": [{"Id": "x", **receipt}]})

    assert alone[0] == 400
    assert alone[1]["__type"].endswith("#InvalidParameterValue")
    assert alone[1]["message"].endswith("The receipt handle has expired.")
    assert [(line["Id"], line["Code"], line["SenderFault"]) for line in together[1]["Failed"]] == [
        ("x", "InvalidParameterValue", True)
    ]
    assert [operation for operation, _ in server.seen] == ["ReceiveMessage"]
    assert rules.happened["receipt_expired"] == 2


def test_a_message_shows_the_attributes_that_were_asked_for_and_no_others(rules):
    (bare,) = rules.carry_out("ReceiveMessage", {"QueueUrl": QUEUE})[1]["Messages"]
    (full,) = rules.carry_out("ReceiveMessage", {"QueueUrl": QUEUE, "AttributeNames": ["All"]})[1]["Messages"]

    assert "Attributes" not in bare
    assert full["Attributes"] == {"MessageGroupId": "g"}


# Faults


class Ways:
    """Where entries of a batch have gone."""

    def __init__(self) -> None:
        self.gone: list[tuple[str, list[str]]] = []

    def onward(self) -> Onward:
        return Onward(
            now=lambda request: (200, {"Successful": [{"Id": one} for one in self._went("now", request)]}),
            later=lambda request, _seconds: self._went("later", request),
            overtaken=lambda request: self._went("overtaken", request),
            again=lambda receipt: self.gone.append(("again", [receipt])),
        )

    def _went(self, way: str, request: dict) -> list[str]:
        self.gone.append((way, [entry["Id"] for entry in request["Entries"]]))
        return self.gone[-1][1]


def test_each_entry_of_a_batch_has_its_own_fate():
    ways = Ways()
    fates = {0: refused(), 1: lost, 2: delayed(1), 3: reordered}

    _, body = each(fates)({"Entries": [{"Id": str(number)} for number in range(5)]}, ways.onward())

    assert ways.gone == [("later", ["2"]), ("overtaken", ["3"]), ("now", ["4"])]
    assert sorted(line["Id"] for line in body["Successful"]) == ["1", "2", "3", "4"]
    assert [(line["Id"], line["Code"]) for line in body["Failed"]] == [("0", "InternalError")]


def test_a_message_that_is_doubled_is_deleted_and_one_whose_receipt_expires_is_not():
    ways = Ways()
    request = {"Entries": [{"Id": id_, "ReceiptHandle": f"r{id_}"} for id_ in "ab"]}

    each({0: doubled, 1: expired})(request, ways.onward())

    assert ways.gone == [("again", ["ra"]), ("now", ["a"])]


def test_an_answer_that_is_lost_was_carried_out():
    ways = Ways()

    assert answer_lost({"Entries": [{"Id": "a"}]}, ways.onward()) is None
    assert ways.gone == [("now", ["a"])]


def test_a_batch_that_ends_in_no_answer_or_an_error_has_no_lines():
    request = {"Entries": [{"Id": "a"}, {"Id": "b"}]}
    for answer in (None, (503, {"__type": "x"})):
        onward = Onward(lambda _request, answer=answer: answer, lambda *_: None, lambda _: None, lambda _: None)

        assert to(lost, 0)(request, onward) == answer


def test_the_same_seed_draws_the_same_faults_at_the_rates_that_were_asked_for():
    rates = Rates(throttled=0.1, answer_lost=0.2, doubled=0.2, expired=0.1)
    request = {"Entries": [{"Id": str(number)} for number in range(10)]}

    def names(seed: int) -> list[list[str]]:
        chance = Random(seed)
        return [drawn(rates, "DeleteMessageBatch", request, chance)[0] for _ in range(2000)]

    found = Counter(name for one in names(1) for name in one)
    assert names(1) == names(1) != names(2)
    assert found["throttled"] == pytest.approx(200, abs=40)
    assert found["answer_lost"] == pytest.approx(400, abs=60)
    assert found["doubled"] == pytest.approx(1400 * 10 * 0.2, rel=0.1)
    assert found["expired"] == pytest.approx(1400 * 10 * 0.1, rel=0.1)
    assert set(found) == {"throttled", "answer_lost", "doubled", "expired"}


def test_without_rates_nothing_happens_and_a_rate_beyond_1_is_refused():
    assert drawn(Rates(), "SendMessageBatch", batch("a"), Random(1)) == ([], None)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Rates(lost=1.1)


def test_what_is_held_back_is_delivered_once_whoever_lets_it_go():
    delivered: list[dict] = []
    withheld = Withheld(delivered.append)
    withheld.hold({"n": 1}, 60)
    withheld.let_overtake({"n": 2})

    withheld.overtaken()
    assert delivered == [{"n": 2}]
    withheld.overtaken()
    withheld.let_go()
    withheld.let_go()

    assert delivered == [{"n": 2}, {"n": 1}]
