"""Column functions of the health example: pure, one value in, one value out."""


def normal_login(login: str) -> str:
    """The old system compared logins without regard to case and forgot blanks, so two spellings were one person."""
    return login.strip().lower()
