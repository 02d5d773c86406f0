"""Words of somebody's file in a message: on their own line, and with nothing that a terminal would obey. Pure."""


def printable(text: str) -> str:
    """`text` with what cannot be seen written as an escape, as in \\x1b."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
