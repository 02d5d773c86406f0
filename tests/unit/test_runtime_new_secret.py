"""A password in a file: made once, whole, for nobody else to read."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from migration_core.errors import ConfigError
from runtime.new_secret import secret_in


def test_it_is_made_once_and_nobody_else_can_read_it(tmp_path):
    file = tmp_path / "made" / "worker"

    first = secret_in(file)

    assert secret_in(file) == first
    assert file.read_text() == f"{first}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]


def test_each_is_long_and_of_every_kind_of_character_that_rules_ask_for(tmp_path):
    found = {secret_in(tmp_path / str(number)) for number in range(50)}

    assert len(found) == 50
    for one in found:
        assert len(one) > 30
        assert any(map(str.isupper, one))
        assert any(map(str.islower, one))
        assert any(map(str.isdigit, one))
        assert not one.isalnum()


def test_whoever_comes_at_once_finds_the_same(tmp_path):
    with ThreadPoolExecutor(8) as together:
        found = set(together.map(secret_in, [tmp_path / "worker"] * 40))

    assert len(found) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "worker"]


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff\n"])
def test_a_file_that_holds_something_else_is_told_without_its_content(tmp_path, content):
    (tmp_path / "worker").write_bytes(content)

    with pytest.raises(ConfigError, match="it must hold one line, the password; remove it to have one made"):
        secret_in(tmp_path / "worker")


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigError, match="name a folder that can be written"):
        secret_in(tmp_path / "file" / "worker")
