"""How a variable is read: its value, or the content of the file that `…_FILE` names."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class Unreadable(ValueError):
    """A variable that is there but cannot be used; the message names it and never holds its value."""


def value_of(env: Mapping[str, str], name: str) -> str | None:
    """The value of `name`, or the first line of the file in `name`_FILE; None when neither is set."""
    file_name = f"{name}_FILE"
    value, file = env.get(name), env.get(file_name)
    if value and file:
        raise Unreadable(f"{name} and {file_name} are both set: keep one of them")
    if not file:
        return value or None
    try:
        content = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file_name}: cannot read {file!r} ({_why(error)})") from error
    # Secret stores and editors end the file with a line break; a password never holds one.
    found = content.rstrip("\r\n")
    if not found or "\n" in found:
        raise Unreadable(f"{file_name}: {file!r} must hold exactly one line")
    return found


def values_of(env: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What is set of `names`, and a message for each one that cannot be read."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for name in names:
        try:
            value = value_of(env, name)
        except Unreadable as error:
            wrong.append(str(error))
        else:
            if value is not None:
                found[name] = value
    return found, wrong


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not UTF-8"
