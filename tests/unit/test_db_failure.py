"""Errors of the server on their way through the program."""

import errno
import pickle

import pymysql
import pytest

from db.errno import Answer, answer_to
from db.failure import PassingSqlError, SqlError, sql_error
from migration_core.errors import Exhausted


def test_an_error_reaches_another_process_with_its_answer_and_without_a_value():
    for error in (PassingSqlError(1213, "Deadlock found"), SqlError(1062, "Duplicate entry 'ana@mail' for key 'a.b'")):
        arrived = pickle.loads(pickle.dumps(error))

        assert type(arrived) is type(error)
        assert (str(arrived), arrived.answer) == (str(error), error.answer)
        assert b"ana@mail" not in pickle.dumps(error)


@pytest.mark.parametrize("number", [1021, 1026, 1030, 1037, 1038, 1114, 1878])
def test_no_room_on_the_server_is_waited_for(number):
    assert answer_to(number) is Answer.RETRY


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_no_room_in_this_process_is_not_waited_for(number):
    error = pymysql.OperationalError(2003, "cannot connect")
    error.original_exception = OSError(number, "no room")

    with pytest.raises(Exhausted):
        sql_error(error)


def test_a_server_that_is_away_is_waited_for():
    error = pymysql.OperationalError(2003, "cannot connect")
    error.original_exception = OSError(errno.ECONNREFUSED, "refused")

    assert isinstance(sql_error(error), PassingSqlError)


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
