"""A file of the application's statements, with sample parameters and the indexes that each is meant to use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from migration_core.errors import ConfigError
from migration_core.mapping.source import read_yaml

SCAN_ROWS, SORT_ROWS = 1000, 10_000
_BEGINS = "a file of statements begins with `statements:`; see docs/gates.md"
_PARAMETER = re.compile(r"%\((\w+)\)s")
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class ApplicationStatement:
    """One statement as the application sends it."""

    name: str
    sql: str
    parameters: Mapping[str, "Sample"]
    indexes: Mapping[str, tuple[str, ...]]
    """By table: the indexes that it may be read by."""
    scan_rows: int
    """A scan of more rows than this fails."""
    sort_rows: int
    """A sort or a temporary table of more rows than this fails."""

    @property
    def placed(self) -> tuple[str, tuple["Sample", ...]]:
        """The statement with `%s` in the places of its parameters, and their values in that order."""
        names = _PARAMETER.findall(self.sql)
        return _PARAMETER.sub("%s", self.sql), tuple(self.parameters[name] for name in names)


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """A value that is looked up on the target, so that it matches some row whatever was loaded."""

    sql: str


Sample = str | int | float | SampleQuery | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Limits(_Part):
    scan_rows: int = Field(SCAN_ROWS, ge=0)
    sort_rows: int = Field(SORT_ROWS, ge=0)


class _Statement(_Part):
    sql: str
    parameters: dict[str, Any] = {}
    indexes: dict[str, list[str]] = {}
    scan_rows: int | None = Field(None, ge=0)
    sort_rows: int | None = Field(None, ge=0)

    @field_validator("parameters")
    @classmethod
    def _samples(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: _sample(name, value) for name, value in given.items()}

    @field_validator("indexes", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {table: [one] if isinstance(one, str) else one for table, one in given.items()}

    @model_validator(mode="after")
    def _has_its_parameters(self) -> "_Statement":
        named = set(_PARAMETER.findall(self.sql))
        if missing := sorted(named - self.parameters.keys()):
            raise ValueError(f"the statement names parameters without a sample value: {', '.join(missing)}")
        if unused := sorted(self.parameters.keys() - named):
            raise ValueError(f"the statement does not name these parameters as %(name)s: {', '.join(unused)}")
        return self


class _File(_Part):
    limits: _Limits = _Limits()
    statements: dict[str, _Statement] = Field(min_length=1)


def _sample(name: str, value: Any) -> Sample:  # noqa: ANN401 - whatever the file holds
    match value:
        case {"query": str(sql), **others} if not others:
            return SampleQuery(sql)
        case str() | int() | float() | None:
            return value
    raise ValueError(f"{name}: write a value, or {{query: SELECT … LIMIT 1}}")


def load_statements(
    text: str, *, file: str, scan_rows: int | None = None, sort_rows: int | None = None
) -> tuple[ApplicationStatement, ...]:
    """Read and check the file, naming every fault; limits given here stand in for the file's own defaults."""
    source = read_yaml(text, file=file, begins=_BEGINS)
    try:
        found = _File.model_validate(source.plain())
    except ValidationError as error:
        told = [
            f"{source.place(one['loc'])}: {one['loc'][-1]}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(told)) from None
    if long := [name for name in found.statements if len(name) > _LONGEST_NAME]:
        raise ConfigError(f"{file}: a statement's name has at most {_LONGEST_NAME} characters: {', '.join(long)}")
    scans = found.limits.scan_rows if scan_rows is None else scan_rows
    sorts = found.limits.sort_rows if sort_rows is None else sort_rows
    return tuple(
        ApplicationStatement(
            name=name,
            sql=" ".join(one.sql.split()),
            parameters=one.parameters,
            indexes={table: tuple(indexes) for table, indexes in one.indexes.items()},
            scan_rows=scans if one.scan_rows is None else one.scan_rows,
            sort_rows=sorts if one.sort_rows is None else one.sort_rows,
        )
        for name, one in found.statements.items()
    )
