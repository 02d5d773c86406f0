"""Every input that a legacy platform may send ends as promised, through topics and snapshots, and harms no other."""

import pytest

from tests.integration.bad_input import CASES
from tests.integration.bad_world import WAYS, BadWorld, bad_world, cases_of
from tests.integration.inputs import NDJSON, Row, container_of

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def world(servers, module_credentials, tmp_path_factory):
    with bad_world(servers, tmp_path_factory.mktemp("bad")) as found:
        yield found


@pytest.fixture(scope="module")
def rejects(world):
    return {f"{format_}_{way}": world.rejects(f"{format_}_{way}") for format_, way in WAYS}


@pytest.fixture(scope="module")
def rows(world):
    return {f"{format_}_{way}": world.rows(f"{format_}_{way}") for format_, way in WAYS}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_input_ends_as_promised_by_every_way_that_can_carry_it(world: BadWorld, rejects, rows, case):
    streams = [f"{format_}_{way}" for format_, way in WAYS if case.carried_by(format_, way)]
    sent = {stream: [world.planted[stream][place] for place in world.places[stream, case.name]] for stream in streams}

    assert streams
    assert {stream: [rejects[stream].get(one.place) for one in sent[stream]] for stream in streams} == {
        stream: [one.code for one in sent[stream]] for stream in streams
    }
    assert {stream: {id_: _part(rows[stream].get(id_), case.rows[id_]) for id_ in case.rows} for stream in streams} == {
        stream: dict(case.rows) for stream in streams
    }


def _part(row: Row | None, wanted: Row | None) -> Row | None:
    return row if row is None or wanted is None else {name: row[name] for name in wanted}


@pytest.mark.parametrize(("format_", "way"), WAYS)
class TestOfAWholeStream:
    def test_neighbours_in_the_same_batch_are_untouched(self, world, rows, format_, way):
        stream = f"{format_}_{way}"
        expected = {id_: 101 + number for number, id_ in enumerate(world.neighbours[stream])}

        assert {id_: row["n"] for id_, row in rows[stream].items() if id_.startswith("good-")} == expected

    def test_no_other_row_and_no_other_reject_exists(self, world, rejects, rows, format_, way):
        stream = f"{format_}_{way}"
        wanted = {id_ for case in cases_of(format_, way) for id_, row in case.rows.items() if row is not None}

        assert rows[stream].keys() == wanted | set(world.neighbours[stream])
        assert rejects[stream].keys() == {one.place for one in world.planted[stream] if one.code}

    def test_every_record_is_kept_byte_for_byte_and_has_one_outcome(self, world, rejects, format_, way):
        stream = f"{format_}_{way}"
        ledger = world.ledger(stream)

        keyed = container_of(way) != NDJSON
        assert world.raw(stream) == [
            (one.place, one.key if keyed else None, one.value) for one in world.planted[stream]
        ]
        assert (ledger.received, ledger.rejected) == (len(world.planted[stream]), len(rejects[stream]))
        assert (ledger.pending, ledger.parked, world.remainders()) == (0, 0, [])
