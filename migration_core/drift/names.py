"""Identifiers in the statements that are printed."""


def quoted(name: str) -> str:
    """In backticks, whatever stands in it."""
    return "`" + name.replace("`", "``") + "`"
