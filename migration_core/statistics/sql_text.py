"""The words of one SQL statement, so that what a statistic must not contain is found with its place."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

PARAMETER = re.compile(r"%\((\w+)\)s")
_TOKEN = re.compile(
    r"(?P<comment>--(?=\s|\Z)[^\n]*|\#[^\n]*|/\*.*?\*/)"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")"
    r"|(?P<name>`(?:[^`]|``)*`)"
    r"|(?P<parameter>%\(\w+\)s)"
    r"|(?P<percent>%%)"
    r"|(?P<word>[A-Za-z_@$\u0080-\uffff][\w@$]*)"
    r"|(?P<open>/\*|['\"`])"
    r"|(?P<sign>\S)",
    re.DOTALL,
)
_TIMES = frozenset(
    ("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME",
     "UTC_TIMESTAMP")
)  # fmt: skip
"""Words that need no parentheses behind them."""
_CHANGING = frozenset(
    ("NOW", "SYSDATE", "CURDATE", "CURTIME", "UNIX_TIMESTAMP", "RAND", "RANDOM_BYTES", "UUID", "UUID_SHORT",
     "CONNECTION_ID", "LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS")
)  # fmt: skip
_DOING = frozenset(("GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "LOAD_FILE", "SLEEP", "BENCHMARK"))
_BEFORE_A_TABLE = frozenset({"FROM", "JOIN", "STRAIGHT_JOIN", ","})


@dataclass(frozen=True, slots=True)
class Token:
    """One word, name, text or sign, and where it begins."""

    kind: str
    text: str
    offset: int

    @property
    def upper(self) -> str:
        """A word as it is compared; whatever is quoted is no word."""
        return self.text.upper() if self.kind in ("word", "sign") else ""


@dataclass(frozen=True, slots=True)
class SqlFault:
    """What is wrong at one place of the text, and what to write instead."""

    message: str
    offset: int


class SqlText:
    """One statement of a file, without its comments and without the semicolon behind it."""

    def __init__(self, text: str) -> None:
        self._tokens = [_token(found) for found in _TOKEN.finditer(text)]
        self._spoken = [token for token in self._tokens if token.kind != "comment"]
        while self._spoken and self._spoken[-1].text == ";":
            self._spoken.pop()
        end = self._spoken[-1].offset + len(self._spoken[-1].text) if self._spoken else 0
        self.sql = _without_comments(text[:end], self._tokens)

    @property
    def parameters(self) -> frozenset[str]:
        """The names that the statement asks values for."""
        return frozenset(PARAMETER.fullmatch(one.text)[1] for one in self._spoken if one.kind == "parameter")  # type: ignore[index]  # the kind says that it matches

    def faults(self, *, pure: bool) -> Iterator[SqlFault]:
        """Why this is not one SELECT that only reads; `pure`: nor one whose answer changes while no row does."""
        if not self._spoken:
            yield SqlFault("there is no statement; write SELECT …", 0)
            return
        first = self._spoken[0]
        if first.upper not in ("SELECT", "WITH", "("):
            yield SqlFault(f"a statistic begins with SELECT, not {first.text}; write one SELECT", first.offset)
        for token in self._tokens:
            if token.kind == "comment" and token.text.startswith("/*!"):
                yield SqlFault("the server would run this comment; write it as SQL", token.offset)
        around = [None, *self._spoken, None]
        for before, token, behind in zip(around, self._spoken, around[2:], strict=False):
            if told := _forbidden(before, token, behind, pure=pure):
                yield SqlFault(told, token.offset)

    def parameter_faults(self, given: Collection[str]) -> Iterator[SqlFault]:
        """Names in the statement that nobody gives a value for."""
        told: set[str] = set()
        for token in self._spoken:
            if token.kind == "parameter" and (name := token.text[2:-2]) not in given and name not in told:
                told.add(name)
                known = f"; known are {', '.join(sorted(given))}" if given else ""
                yield SqlFault(f"%({name})s has no value{known}; write it below `parameters:`", token.offset)

    def tables(self, known: Collection[str], *, meant: Callable[[str], bool]) -> Iterator[SqlFault]:
        """Tables among `known` that stand where a table is read from and are not `meant` to."""
        for before, token in zip(self._spoken, self._spoken[1:], strict=False):
            name = token.text.strip("`")
            if before.upper in _BEFORE_A_TABLE and token.kind in ("word", "name") and name in known and not meant(name):
                yield SqlFault(name, token.offset)


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _token(found: re.Match[str]) -> Token:
    return Token(found.lastgroup or "", found[0], found.start())


def _forbidden(before: Token | None, token: Token, behind: Token | None, *, pure: bool) -> str | None:
    word, last = token.upper, before.upper if before else ""
    if token.kind == "open":
        return f"{token.text} is opened and never closed; close it"
    if word == ";":
        return "another statement begins here; write one statement a file"
    if word == "%" or (token.kind in ("text", "name") and "%" in token.text.replace("%%", "")):
        return "a percent sign is written %%, a parameter %(name)s"
    if word == "INTO" or (last, word) in (("FOR", "UPDATE"), ("FOR", "SHARE"), ("IN", "SHARE")):
        return f"{token.text} writes or locks; a statistic only reads, so leave it out"
    if word.startswith("@"):
        return f"{token.text} remembers what another statement did; write a parameter, as %(name)s"
    called = behind is not None and behind.text == "("
    if called and word in _DOING:
        return f"{token.text} does more than read; leave it out"
    if pure and last != "." and (word in _TIMES or (called and word in _CHANGING)):
        return f"{token.text} changes while no row does, and only changed rows are counted again; write mode: full"
    return None


def _without_comments(text: str, tokens: Collection[Token]) -> str:
    parts, at = [], 0
    for token in tokens:
        if token.kind == "comment" and not token.text.startswith("/*+") and token.offset < len(text):
            parts += [text[at : token.offset], " "]
            at = token.offset + len(token.text)
    return "".join([*parts, text[at:]]).strip()
