"""Errors of the server on their way through the program."""

import pickle

from db.failure import PassingSqlError, SqlError


def test_an_error_reaches_another_process_with_its_answer_and_without_a_value():
    for error in (PassingSqlError(1213, "Deadlock found"), SqlError(1062, "Duplicate entry 'ana@mail' for key 'a.b'")):
        arrived = pickle.loads(pickle.dumps(error))

        assert type(arrived) is type(error)
        assert (str(arrived), arrived.answer) == (str(error), error.answer)
        assert b"ana@mail" not in pickle.dumps(error)
