"""Errors of the server on their way through the program."""

import pickle

import pytest

from db.failure import PassingSqlError, SqlError


def test_an_error_reaches_another_process_with_its_answer_and_without_a_value():
    for error in (PassingSqlError(1213, "Deadlock found"), SqlError(1062, "Duplicate entry 'ana@mail' for key 'a.b'")):
        arrived = pickle.loads(pickle.dumps(error))

        assert type(arrived) is type(error)
        assert (str(arrived), arrived.answer) == (str(error), error.answer)
        assert b"ana@mail" not in pickle.dumps(error)


@pytest.mark.parametrize(
    ("errno", "message", "told"),
    [
        (1064, "You have an error near 'ana@mail', 'O''Neil')' at line 1", "You have an error near '…' at line 1"),
        (9999, "Something about 'ana@mail'", "Something about '…'"),
        (
            1142,
            "SELECT command denied to user 'x'@'h' for table 't'",
            "SELECT command denied to user 'x'@'h' for table 't'",
        ),
        (1366, "Incorrect string value: 'ana@mail' for column 'a' at row 1", ""),
    ],
)
def test_the_servers_words_are_kept_only_where_they_cannot_quote_a_row(errno, message, told):
    assert SqlError(errno, message).hint == told
