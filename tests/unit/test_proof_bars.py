"""The bars of the proof: what holds is kept for as long as the code is the same, what does not is told and repeated."""

import json
from collections import Counter

import pytest

from tests.proof import __main__ as proof
from tests.proof import done
from tests.proof.bars import Bar


class Fake:
    """A bar of four kills in two parts, of which one may not hold."""

    def __init__(self) -> None:
        self.proven: list[tuple[int, int, int]] = []
        self.broken: set[int] = set()

    def prove(self, part):
        self.proven.append((part.number, part.count, part.seed))
        if part.number in self.broken:
            raise AssertionError("it ended otherwise")
        return Counter({"redrive.locked": part.count})


class Chosen:
    """No servers at all."""

    servers = None

    def stop(self) -> None:
        pass


@pytest.fixture
def bar(monkeypatch, tmp_path) -> Fake:
    fake = Fake()
    monkeypatch.setattr(proof, "BARS", (Bar("redrive", "kills", 5, 2, fake.prove),))
    monkeypatch.setattr(proof, "choose", lambda say: Chosen())
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    return fake


def test_each_part_has_its_share_and_a_seed_of_its_own(bar):
    assert proof.main(["--seed", "3"]) == 0
    assert bar.proven == [(1, 2, 3001), (2, 3, 3002)]


def test_what_holds_is_not_done_again_unless_it_is_asked_for(bar):
    assert [proof.main([]), proof.main([]), len(bar.proven)] == [0, 0, 2]
    assert [proof.main(["--again"]), len(bar.proven)] == [0, 4]


def test_what_held_of_other_code_or_another_seed_says_nothing(bar, monkeypatch):
    proof.main([])
    proof.main(["--seed", "2"])
    monkeypatch.setattr(done, "fingerprint", lambda: "other")
    proof.main([])

    assert len(bar.proven) == 6


def test_a_deviation_is_told_with_how_to_repeat_it_and_is_done_again(bar, capsys):
    bar.broken.add(2)
    first = proof.main(["--seed", "7", "--json"])
    out, err = capsys.readouterr()
    bar.broken.clear()
    second = proof.main(["--seed", "7"])

    assert (first, second) == (1, 0)
    assert [number for number, _, _ in bar.proven] == [1, 2, 2]
    assert [one["deviation"] for one in json.loads(out)["parts"]] == ["", "AssertionError: it ended otherwise"]
    assert "--seed 7 --only redrive --part 2" in err


def test_thefingerprint_is_of_the_code(monkeypatch, tmp_path):
    monkeypatch.setattr(done, "ROOT", tmp_path)
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "apply.py").write_text("one")
    before = done.fingerprint()
    (tmp_path / "db" / "apply.py").write_text("two")

    assert done.fingerprint() != before
