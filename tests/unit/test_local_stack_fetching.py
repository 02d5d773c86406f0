"""A download is there as a whole or not at all."""

from pathlib import Path

import pytest

from local_stack.fetching import fetched, run_watched
from local_stack.servers import ServerFailed


class Download:
    """Counts how often it is asked; `fails` says whether it is cut off in the middle."""

    def __init__(self) -> None:
        self.times = 0
        self.fails = False

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "lib").mkdir()
        (folder / "lib" / "one.jar").write_bytes(b"one")
        if self.fails:
            raise ServerFailed("the line was cut")
        (folder / "lib" / "two.jar").write_bytes(b"two")


@pytest.fixture
def download() -> Download:
    return Download()


def test_what_is_there_is_not_fetched_again(tmp_path, download):
    places = {fetched(tmp_path / "kafka", "kafka:1", download) for _ in range(3)}

    assert places == {tmp_path / "kafka"}
    assert download.times == 1


def test_half_a_download_never_counts(tmp_path, download):
    download.fails = True
    with pytest.raises(ServerFailed, match="cut"):
        fetched(tmp_path / "kafka", "kafka:1", download)
    assert not (tmp_path / "kafka").exists()

    download.fails = False
    place = fetched(tmp_path / "kafka", "kafka:1", download)

    assert {file.name for file in (place / "lib").iterdir()} == {"one.jar", "two.jar"}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda lib: (lib / "one.jar").unlink(), id="gone"),
        pytest.param(lambda lib: (lib / "one.jar").write_bytes(b"longer"), id="longer"),
        pytest.param(lambda lib: (lib / "one.jar").write_bytes(b"enO"), id="other bytes"),
        pytest.param(lambda lib: (lib / "three.jar").write_bytes(b""), id="more"),
        pytest.param(lambda lib: (lib.parent / ".complete").unlink(), id="unmarked"),
    ],
)
def test_what_is_not_as_it_was_fetched_is_fetched_again(tmp_path, download, spoil):
    spoil(fetched(tmp_path / "kafka", "kafka:1", download) / "lib")

    place = fetched(tmp_path / "kafka", "kafka:1", download)

    assert download.times == 2
    assert (place / "lib" / "one.jar").read_bytes() == b"one"
    assert len(list((place / "lib").iterdir())) == 2


def test_another_version_takes_the_place_of_the_old_one(tmp_path, download):
    fetched(tmp_path / "kafka", "kafka:1", download)
    fetched(tmp_path / "kafka", "kafka:2", download)

    assert download.times == 2
    assert [folder.name for folder in tmp_path.iterdir() if folder.name != "locks"] == ["kafka"]


def test_a_client_that_fails_is_quoted_in_one_line(tmp_path):
    script = "echo reading lists; echo 'E: Unable to locate package mysql'; echo bye; exit 100"

    with pytest.raises(ServerFailed, match=r"^MySQL failed \(sh exited 100\): E: Unable to locate package mysql$"):
        run_watched(["sh", "-c", script], growing=tmp_path / "work", label="MySQL", say=lambda _: None)


def test_progress_is_told_while_a_client_works(tmp_path, monkeypatch):
    monkeypatch.setattr("local_stack.fetching._LINE_SECONDS", 0.1)
    monkeypatch.setattr("local_stack.fetching._LOOK_SECONDS", 0.1)
    growing, seen = tmp_path / "growing", tmp_path / "seen"

    def say(line: str) -> None:
        if "Maven: 3 MB after" in line:
            seen.touch()

    script = f"head -c 3000000 /dev/zero > '{growing / 'part'}'; until [ -e '{seen}' ]; do sleep 0.05; done"
    run_watched(["sh", "-c", script], growing=growing, label="Maven", say=say)

    assert seen.exists()
