"""The rows of docs/sqs.md, made from the cases and the table of differences."""

from tests.conformance.every import CASES, DIFFERENCES, ELASTICMQ, PROXY


def rows() -> list[str]:
    """One a case: what AWS does, and what ElasticMQ does instead, alone and behind the proxy."""
    return [
        f"| {case.says} | {DIFFERENCES[ELASTICMQ].get(case.name, 'same')} | "
        f"{DIFFERENCES[PROXY].get(case.name, 'same')} |"
        for case in CASES
    ]
