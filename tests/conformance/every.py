"""All cases, and where servers are known to differ from AWS."""

from collections.abc import Mapping

from tests.conformance import deduplication, limits, ordering, receipts
from tests.conformance.case import Case

CASES: tuple[Case, ...] = (*ordering.CASES, *deduplication.CASES, *receipts.CASES, *limits.CASES)

ELASTICMQ, PROXY, AWS = "ElasticMQ", "behind the proxy", "AWS"

_NOT_MENDED: Mapping[str, str] = {
    "sequence_numbers_grow": "a counter of few digits, which begins anew with the server",
    "a_batch_tells_sequence_numbers": "has none",
    "a_message_without_any_id_is_refused": "is a `Failed` line of its batch, and the others are sent",
    "a_message_without_a_group_is_refused": "is a `Failed` line of its batch, and the others are sent",
    "a_body_has_the_characters_of_xml": "is refused by another code",
    "a_body_is_measured_in_bytes": "counts characters",
    "a_batch_is_measured_as_a_whole": "is refused by another code",
    "a_queue_is_purged_once_a_minute": "purges as often as it is asked",
    "a_queue_tells_its_scope": "does not know these attributes",
}
"""Nothing here depends on these."""

DIFFERENCES: Mapping[str, Mapping[str, str]] = {
    ELASTICMQ: {
        **_NOT_MENDED,
        "an_id_counts_in_its_group_where_that_is_the_scope": "counts in the whole queue",
        "an_expired_receipt_deletes_nothing": "deletes the message",
        "an_expired_receipt_fails_alone_in_its_batch": "deletes the message",
        "an_expired_receipt_holds_nothing_for_longer": "holds the message again",
    },
    PROXY: _NOT_MENDED,
    AWS: {},
}
"""What each server does instead, by the name of the case; ElasticMQ's in the version of local_stack/elasticmq.py."""
