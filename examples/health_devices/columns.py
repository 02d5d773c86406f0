"""Column functions of the health example: pure, one value in, one value out."""

from migration_core.errors import Rejected


def normal_login(login: object) -> str:
    """The old system compared logins without regard to case and forgot blanks, so two spellings were one person."""
    match login:
        case str():
            return login.strip().lower()
    raise Rejected("TYPE_MISMATCH", detail="a login is text")
