"""How a case says that a server does something else than AWS."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError


class Differs(Exception):
    """The server does something else than AWS; the message says what."""


def same(found: object, wanted: object) -> None:
    """Differs unless the two are equal."""
    if found != wanted:
        raise Differs(f"{_short(found)}, not {_short(wanted)}")


@contextmanager
def refused(*codes: str, says: str = "") -> Iterator[None]:
    """Differs unless what is done here is refused, by one of these codes (or any) and in these words."""
    try:
        yield
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        if (codes and code_of(error) not in codes) or says not in message:
            raise Differs(f"refused: {code_of(error)}, not {' or '.join(codes)} {says}".rstrip()) from error
    else:
        raise Differs("accepted")


def code_of(error: ClientError) -> str:
    """Its last word: an SDK shows the name of the older protocol or of the newer one."""
    return error.response["Error"]["Code"].rpartition("#")[2].rpartition(".")[2]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]} ... {text[-15:]}"
