"""The cases that hold SQS servers against AWS: each has a source, and the table and the page say the same."""

import json
from types import SimpleNamespace

import pytest

from local_stack.elasticmq import VERSION
from local_stack.folders import ROOT
from tests.conformance import __main__ as conformance
from tests.conformance.differing import Differs, refused, same
from tests.conformance.every import AWS, CASES, DIFFERENCES, ELASTICMQ, PROXY
from tests.conformance.examining import Found, Surprise, summary, surprises
from tests.conformance.page import rows

NAMES = {case.name for case in CASES}
CASE = CASES[0].name


def test_every_case_says_what_aws_does_and_where_that_is_written():
    assert len(NAMES) == len(CASES) >= 25
    for case in CASES:
        assert case.says.endswith((".", '"')), case.name
        assert case.source, case.name


def test_differences_are_those_of_cases_and_aws_has_none():
    for known in DIFFERENCES.values():
        assert known.keys() <= NAMES
    assert DIFFERENCES[AWS] == {}


def test_the_proxy_mends_differences_and_adds_none():
    assert DIFFERENCES[PROXY].keys() < DIFFERENCES[ELASTICMQ].keys()


def test_the_page_shows_every_case_as_the_table_has_it():
    page = (ROOT / "docs" / "sqs.md").read_text(encoding="utf-8").splitlines()

    assert [line for line in rows() if line not in page] == []
    assert sum(line.startswith("| ") for line in page) == len(CASES) + 1
    assert f"| AWS | ElasticMQ {VERSION} | behind the proxy |" in page


def test_a_difference_is_a_surprise_when_it_is_new_and_when_it_has_gone():
    known = {ELASTICMQ: {"old": "accepted", "gone": "accepted", "unseen": "accepted"}}
    found = [
        Found("old", ELASTICMQ, "accepted"),
        Found("gone", ELASTICMQ),
        Found("new", ELASTICMQ, "lost"),
        Found("good", ELASTICMQ),
        Found("unseen", ELASTICMQ, skipped=True),
    ]

    words = [one.words for one in surprises(found, known)]

    assert words == [
        "GONE difference of ElasticMQ: gone is as at AWS now, and was: accepted",
        "NEW difference of ElasticMQ: new: lost",
    ]
    assert summary(found) == "ElasticMQ: 2 of 5 as at AWS, 2 differ, 1 skipped (--slow)"


@pytest.mark.parametrize(("difference", "code"), [("", 0), ("accepted", 1)])
def test_the_command_answers_by_its_exit_code_and_as_json(monkeypatch, capsys, difference, code):
    monkeypatch.setattr(conformance, "_targets", lambda _options, _end: [SimpleNamespace(name=AWS)])
    monkeypatch.setattr(conformance, "examine", lambda target, cases, slow: [Found(CASE, target.name, difference)])

    assert conformance.main(["--json", "--only", CASE]) == code

    told = json.loads(capsys.readouterr().out)
    assert [one["difference"] for one in told["cases"]] == [difference]
    assert told["unexpected"] == [Surprise(Found(CASE, AWS, difference), "").words] * code


def test_a_person_sees_a_table_and_one_line_of_numbers(monkeypatch, capsys):
    monkeypatch.setattr(conformance, "_targets", lambda _options, _end: [SimpleNamespace(name=AWS)])
    monkeypatch.setattr(conformance, "examine", lambda target, cases, slow: [Found(CASE, target.name)])

    conformance.main(["--only", CASE])

    lines = capsys.readouterr().out.splitlines()
    assert any(CASE in line and "as at AWS" in line for line in lines)
    assert lines[-1] == "AWS: 1 of 1 as at AWS, 0 differ; as expected"


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        conformance.main(["--help"])

    assert "Example:\n  make sqs-conformance" in capsys.readouterr().out


def test_what_differs_is_told_and_long_values_are_cut():
    with pytest.raises(Differs, match=r"\[1\], not \[2\]"):
        same([1], [2])
    with pytest.raises(Differs) as told:
        same("x" * 1000, "")
    assert len(str(told.value)) < 200
    with pytest.raises(Differs, match="accepted"), refused("InvalidParameterValue"):
        pass
