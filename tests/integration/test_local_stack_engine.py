"""Whether Docker serves is found out without leaving anything open."""

import gc
import warnings

from local_stack import containers


def test_an_engine_that_is_not_there_is_named_and_no_socket_stays_open(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ResourceWarning)
        said = containers.why_not({}, print)
        gc.collect()

    assert found == []
    assert said is not None
    assert said.startswith("no Docker engine answers")
