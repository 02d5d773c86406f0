"""What the doorbell queue must never be trusted with."""

from tests.mutants.mutant import Mutant

_FAULTS = "tests/integration/test_queue_faults.py"
_QUEUE = "tests/integration/test_work_queue.py"

MUTANTS = [
    Mutant(
        "a receipt that has expired is an error",
        "work_queue/queue.py",
        '_EXPIRED = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", '
        '"AWS.SimpleQueueService.MessageNotInflight"})\n',
        "_EXPIRED = frozenset()\n",
        (f"{_FAULTS}::test_a_worker_that_was_suspended_after_its_commit_finds_its_receipts_expired_and_goes_on",),
    ),
    Mutant(
        "an answer that is lost is a bug",
        "work_queue/requests.py",
        "_Unreachable = (BotoCoreError, ClientError)\n",
        "_Unreachable = (ClientError,)\n",
        (f"{_FAULTS}::test_lanes_whose_doorbells_were_in_a_lost_answer_go_on_while_sqs_still_holds_them_back",),
    ),
    Mutant(
        "an entry that SQS refused counts as sent",
        "work_queue/queue.py",
        '            left = {entry["Id"]: left[entry["Id"]] for entry in refused}\n',
        "            left = {}\n",
        (f"{_QUEUE}::test_entries_that_sqs_refuses_are_sent_again_and_nothing_else_is",),
    ),
]
