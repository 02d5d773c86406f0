"""`migration ledger` and the verifier's process: what a person, a script and a platform see of the proof."""

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from db.ledger_proof import source_ledgers, stream_proofs
from db.remainders import open_remainders
from migration_cli.__main__ import main
from migration_core.steps import Step
from tests.integration.applying import Applying, doc, person
from tests.integration.emptying import emptied
from tests.waiting import until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
AUDIT_STEPS = [step for step in Step if step.startswith("audit.")]


@pytest.fixture
def world(shared, monkeypatch) -> Applying:
    monkeypatch.setenv("DATABASE_URL", shared.url)
    return emptied(shared)


@pytest.fixture
def people(world) -> Applying:
    """Sixty people of two partitions, one rejected, four pending; two trips, one of them parked."""
    world.put("people", [person(f"u{n}") for n in range(59)] + [("u59", b"{broken")])
    world.put("trips", [("t", doc(id="t", op="change", body={"delay": 1})), ("t", doc(id="t", op="change", body={}))])
    world.drain()
    world.put("people", [person(f"w{n}") for n in range(4)])
    source = "SELECT 90077, stream_id, 'partition' FROM stream WHERE name = 'people'"
    run(world, f"INSERT INTO source (source_id, stream_id, kind) {source}")
    columns = "source_id, stream_id, topic, topic_id, kafka_partition, start_offset, end_offset, next_offset"
    offset = "SELECT 90077, stream_id, 'other', 'id', 5, 0, 0, 20 FROM source WHERE source_id = 90077"
    run(world, f"INSERT INTO source_offset ({columns}) {offset}")
    run(world, "UPDATE raw_people SET source_id = 90077 WHERE source_offset < 20")
    return world


def run(world: Applying, sql: str, *arguments: object) -> None:
    with world.database.transaction() as session:
        assert session.execute(sql, arguments) > 0


def said(capsys, monkeypatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["migration", "ledger", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


class TestLedger:
    def test_every_partition_is_whole_before_the_audit_has_come_and_after_it(self, people, capsys, monkeypatch):
        before = source_ledgers(people.database)
        said(capsys, monkeypatch, "--prove")
        after = source_ledgers(people.database)

        by_source = {(one.source, one.partition): one for one in before}
        assert before == after
        other, own = by_source["other", 5], by_source[f"{people.name}.people", 0]
        assert (other.received, other.done, other.rejected, other.pending) == (20, 20, 0, 0)
        assert (own.received, own.done, own.rejected, own.pending) == (44, 39, 1, 4)
        trips = by_source[f"{people.name}.trips", 0]
        assert (trips.received, trips.done, trips.parked, trips.rejected) == (2, 0, 1, 1)
        assert not any(one.remainder for one in before)

    def test_a_part_that_lost_a_line_has_a_remainder(self, people, capsys, monkeypatch):
        run(people, "INSERT INTO snapshot (snapshot_id, stream_id, generation, manifest_sha256, folder) "
            "SELECT 90001, stream_id, 1, '', '/s' FROM stream WHERE name = 'people'")  # fmt: skip
        run(people, "INSERT INTO source (source_id, stream_id, kind) SELECT 90078, stream_id, 'part' FROM stream "
            "WHERE name = 'people'")  # fmt: skip
        run(people, "INSERT INTO snapshot_part (source_id, snapshot_id, part, file, `rows`, bytes, sha256, "
            "lines_loaded) VALUES (90078, 90001, 1, 'people-1.ndjson', 3, 1, '', 3)")  # fmt: skip
        run(people, "UPDATE raw_people SET source_id = 90078 WHERE source_offset IN (3, 4)")

        code, out, _ = said(capsys, monkeypatch, "--by", "partition", "--json")

        part = next(one for one in json.loads(out)["sources"] if one["source"] == "people-1.ndjson")
        assert (code, part["received"], part["done"], part["remainder"]) == (1, 3, 2, 1)

    def test_the_sum_of_a_stream_is_that_of_its_partitions(self, people):
        (stream,) = [one for one in stream_proofs(people.database) if one.stream == "people"]
        sources = [one for one in source_ledgers(people.database) if one.stream == "people"]

        assert stream.received == sum(one.received for one in sources) == 64
        assert stream.pending == sum(one.pending for one in sources) == 4
        assert stream.applied + stream.superseded + stream.filtered == sum(one.done for one in sources)

    def test_rows_are_not_audited_until_the_proof_has_walked_them(self, people, capsys, monkeypatch):
        code, out, _ = said(capsys, monkeypatch, "--json")
        before = {one["stream"]: one["unaudited"] for one in json.loads(out)["streams"]}
        proven, out, err = said(capsys, monkeypatch, "--prove", "--json")
        after = {one["stream"]: one["unaudited"] for one in json.loads(out)["streams"]}

        assert (code, proven) == (0, 0)
        assert before == {"people": 60, "trips": 2, "logins": 0}
        assert after == {"people": 0, "trips": 0, "logins": 0}
        assert err == "every lane is proven\n"

    def test_the_gate_opens_when_all_is_applied_and_proven(self, people, capsys, monkeypatch):
        said(capsys, monkeypatch, "--prove")
        _, shut, _ = said(capsys, monkeypatch)
        people.drain()
        said(capsys, monkeypatch, "--prove")
        code, opened, _ = said(capsys, monkeypatch)

        assert "gate fail: rows are pending: 4 in people" in shut
        assert (code, "gate pass: 66 rows received" in opened) == (0, True)

    def test_a_remainder_is_told_with_its_place_shuts_the_gate_and_is_exit_1(self, people, capsys, monkeypatch):
        run(people, "DELETE FROM raw_people WHERE source_offset = 33")

        code, out, _ = said(capsys, monkeypatch, "--prove")

        assert code == 1
        line = next(line for line in out.splitlines() if "row_missing" in line)
        assert f"{people.name}.people[0]@32..34" in line
        assert "gate fail: the ledger has remainders: 3 in people" in out


class Verifier:
    """The real process, with what its platform asks it."""

    def __init__(self, world: Applying, folder: Path, **variables: str) -> None:
        self.log = folder / f"verifier-{time.monotonic_ns()}.log"
        environment = {"DATABASE_URL": world.url, "HTTP_PORT": "0", "HTTP_HOST": "127.0.0.1", **variables}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "migration_verifier"],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        world.running.append(self.process)

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]

    def get(self, path: str) -> tuple[int, str]:
        port = until(
            lambda: next((one["port"] for one in self.events() if one["event"] == "http_listening"), None), "it listens"
        )
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def metrics(self) -> set[str]:
        return set(self.get("/metrics")[1].splitlines())


class TestVerifier:
    def test_it_proves_tells_and_leaves_when_asked(self, people, tmp_path):
        run(people, "DELETE FROM raw_people WHERE source_offset = 33")
        people.put("logins", [("a", doc(id="a", login="x"))])
        run(people, "UPDATE stream_state t JOIN stream s USING (stream_id) SET t.state = 'paused' "
            "WHERE s.name = 'logins'")  # fmt: skip
        verifier = Verifier(people, tmp_path)

        wanted = {
            'migration_ledger_remainders{stream="people"} 3.0',
            'migration_unaudited_rows{stream="people"} 0.0',
            'migration_backlog_rows{stream="logins"} 1.0',
            'migration_paused{stream="logins"} 1.0',
            'migration_parked_rows{stream="people"} 0.0',
        }
        until(lambda: wanted <= verifier.metrics(), lambda: f"told: {wanted - verifier.metrics()}")
        ready, healthy = verifier.get("/readyz")[0], verifier.get("/healthz")[0]
        verifier.process.send_signal(signal.SIGTERM)

        assert verifier.process.wait(60) == 0
        assert (ready, healthy) == (200, 200)
        told = [one for one in verifier.events() if one["event"] == "ledger_remainder"]
        assert [(one["stream"], one["done"], one["received"]) for one in told] == [("people", -1, -1)]

    def test_without_its_settings_it_names_them_and_exits_2(self, world, tmp_path):
        verifier = Verifier(world, tmp_path, DATABASE_URL="", AUDIT_LAP_HOURS="0")

        assert verifier.process.wait(60) == 2
        assert "DATABASE_URL is missing" in verifier.log.read_text()
        assert "AUDIT_LAP_HOURS" in verifier.log.read_text()

    def test_beside_workers_that_are_killed_and_rows_that_are_parked_it_never_errs(self, world, tmp_path):
        Verifier(world, tmp_path)
        killed = world.start(MIGRATION_FAILPOINTS="worker.watermark_moved:3:kill")
        for turn in range(5):
            if turn == 2:
                assert killed.wait(60) == -signal.SIGKILL
                world.start()
            keys = [f"k{(turn * 7 + n) % 20}" for n in range(20)]
            world.put("people", [person(key, f"v{turn}") for key in keys] + [("bad", b"{")])
            world.put("trips", [(key, doc(id=key, op="change", body={"stage": turn})) for key in keys[:5]])
            world.put("trips", [(key, None) for key in keys[3:9]])
            world.put("logins", [(key, doc(id=key, login=f"l{n // 2}")) for n, key in enumerate(keys[:6])])
            world.ring()
        world.until_drained()

        until(lambda: not any(one.unproven_lanes for one in stream_proofs(world.database)), "every lane is proven")

        # What was once found stays on record, so an empty table says that nothing ever was.
        assert world.rows("SELECT kind, detail FROM ledger_remainder") == []
        assert world.remainders() == []

    def test_killed_at_every_step_it_goes_on_where_it_was(self, people, tmp_path):
        for step in AUDIT_STEPS:
            killed = Verifier(people, tmp_path, MIGRATION_FAILPOINTS=f"{step}:2:kill")
            assert killed.process.wait(60) == -signal.SIGKILL
        Verifier(people, tmp_path)

        until(lambda: not any(one.unproven_lanes for one in stream_proofs(people.database)), "every lane is proven")

        assert open_remainders(people.database) == []
        assert people.rows("SELECT SUM(`rows`) FROM lane_source_audit") == [(62,)]
