"""What the environment says, as frozen values; everything missing or wrong in it is named at once."""

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    Json,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from migration_core.errors import ConfigError, Transient
from runtime import database_url, kafka_env
from runtime.environment import Unreadable, values_of

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = frozenset(
    {"host", "range", "if-range", "accept-encoding", "connection", "content-length", "transfer-encoding"}
)


class Section(BaseModel):
    """Variables that belong together; a field's alias is the name of its variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    def effective(self) -> dict[str, str]:
        """Every variable with the value in force; secrets read `**********`."""
        fields = type(self).model_fields
        values = {_variable(field): getattr(self, name) for name, field in fields.items()}
        return {variable: _shown(value) for variable, value in values.items() if value is not None}


class Settings(BaseModel):
    """The sections that one program needs: a subclass has one field a section."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read all sections from `env`; an empty variable counts as one that is not set."""
        given = {name: value for name, value in env.items() if value}
        try:
            return cls.model_validate(dict.fromkeys(cls.model_fields, given))
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False, include_context=False)
            raise ConfigError("environment: " + "; ".join(_message(one, given) for one in found)) from None

    def effective(self) -> dict[str, str]:
        """Every variable of every section with the value in force; secrets read `**********`."""
        sections = [getattr(self, name) for name in type(self).model_fields]
        return {variable: value for section in sections for variable, value in section.effective().items()}


class DatabaseAccess(Section):
    """Where the control schema is."""

    given: Mapping[str, SecretStr]

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, env: Mapping[str, str]) -> dict[str, object]:
        given = {name: value for name, value in env.items() if name in database_url.NAMES}
        database_url.database_url(given)
        return {"given": given}

    def url(self) -> str:
        """The URL in SQLAlchemy's form, read afresh: the engine asks at each connect, so secrets can rotate."""
        try:
            return database_url.database_url({name: value.get_secret_value() for name, value in self.given.items()})
        except Unreadable as error:
            # It could be read at start, so whoever rotates the secret is in the middle of it.
            raise Transient(str(error)) from None

    def effective(self) -> dict[str, str]:
        """The whole as DATABASE_URL, without the password."""
        return {database_url.URL: database_url.hidden(self.url())}


class ReplicaAccess(Section):
    """A replica of the control schema, if its lag shall slow the work down."""

    given: SecretStr | None = Field(None, alias="DATABASE_REPLICA_URL")

    @property
    def url(self) -> str | None:
        """In SQLAlchemy's form."""
        return None if self.given is None else self.given.get_secret_value()


class KafkaAccess(Section):
    """How to reach the topics."""

    given: Mapping[str, SecretStr]

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, env: Mapping[str, str]) -> dict[str, object]:
        return {"given": kafka_env.librdkafka(env)}

    def config(self) -> dict[str, str]:
        """The settings under librdkafka's names."""
        return {name: value.get_secret_value() for name, value in self.given.items()}

    def effective(self) -> dict[str, str]:
        """Under the names of the variables."""
        return {
            kafka_env.variable_of(name): str(value) if kafka_env.is_secret(name) else value.get_secret_value()
            for name, value in self.given.items()
        }


class QueueAccess(Section):
    """Where doorbells go; credentials are the SDK's own business."""

    url: str = Field(alias="SQS_QUEUE_URL", pattern=r"^https?://\S+\.fifo$")
    dlq_url: str | None = Field(None, alias="SQS_DLQ_URL", pattern=r"^https?://\S+\.fifo$")
    region: str = Field(validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    endpoint: str | None = Field(None, alias="AWS_ENDPOINT_URL_SQS", pattern=r"^https?://\S+$")


class MappingFile(Section):
    """Which mapping is in force."""

    path: FilePath = Field(alias="MIGRATION_CONFIG")


class SnapshotFolder(Section):
    """Where the snapshot lies."""

    path: Path = Field(alias="SNAPSHOT_DIR")

    @model_validator(mode="after")
    def _there(self) -> Self:
        if not self.path.is_dir():
            raise ValueError("SNAPSHOT_DIR: there is no such folder")
        return self


class SourceAccess(Section):
    """How to read a snapshot that lies elsewhere; credentials of S3 are the SDK's own business."""

    token: SecretStr | None = Field(None, alias="SNAPSHOT_SOURCE_TOKEN")
    headers: Json[dict[str, SecretStr]] | None = Field(None, alias="SNAPSHOT_SOURCE_HEADERS")
    region: str | None = Field(None, validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, env: Mapping[str, str]) -> dict[str, str]:
        found, wrong = values_of(env, ("SNAPSHOT_SOURCE_TOKEN", "SNAPSHOT_SOURCE_HEADERS"))
        if wrong:
            raise ValueError("; ".join(wrong))
        return {**env, **found}

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        for name, value in self.secrets().items():
            if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
                raise ValueError(
                    "SNAPSHOT_SOURCE_HEADERS: names of headers that say who asks, none of the transfer's own"
                )
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the value of header {name} holds what no header can")
        if self.token and any(name.lower() == "authorization" for name in self.headers or {}):
            raise ValueError("SNAPSHOT_SOURCE_TOKEN and an Authorization in SNAPSHOT_SOURCE_HEADERS: keep one of them")
        return self

    def secrets(self) -> dict[str, str]:
        """The headers that say who asks."""
        given = {name: value.get_secret_value() for name, value in (self.headers or {}).items()}
        return {**given, "Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else given


class CutoverHooks(Section):
    """Commands or URLs that a cut-over calls; they may hold secrets, so they are never shown."""

    freeze: SecretStr | None = Field(None, alias="CUTOVER_FREEZE_HOOK")
    unfreeze: SecretStr | None = Field(None, alias="CUTOVER_UNFREEZE_HOOK")
    switch: SecretStr | None = Field(None, alias="CUTOVER_SWITCH_HOOK")
    switch_back: SecretStr | None = Field(None, alias="CUTOVER_SWITCH_BACK_HOOK")
    seconds: float = Field(600.0, alias="CUTOVER_HOOK_SECONDS", gt=0)


class Http(Section):
    """Where /healthz, /readyz and /metrics answer."""

    port: int = Field(8080, alias="HTTP_PORT", ge=0, le=65535)
    host: str = Field("0.0.0.0", alias="HTTP_HOST")  # noqa: S104 - load balancers and scrapers come from outside


class Output(Section):
    """What goes to stdout, and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    format: Literal["json", "text"] = Field("json", alias="LOG_FORMAT")
    emf: bool = Field(default=False, alias="METRICS_EMF")
    namespace: str = Field("migration", alias="METRICS_NAMESPACE", pattern=r"^[A-Za-z0-9_./#:-]+$", max_length=255)

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, env: Mapping[str, str]) -> dict[str, str]:
        upper = {"LOG_LEVEL": str.upper, "LOG_FORMAT": str.lower}
        return {name: upper[name](value) if name in upper else value for name, value in env.items()}


class Stuck(Section):
    """How long a worker may stand still."""

    seconds: float = Field(180, alias="STUCK_SECONDS", ge=1)

    @property
    def limit(self) -> timedelta:
        """After that it ends itself, and is started anew."""
        return timedelta(seconds=self.seconds)


class Auditing(Section):
    """How the verifier audits."""

    lap_hours: float = Field(24, alias="AUDIT_LAP_HOURS", gt=0)

    @property
    def lap(self) -> timedelta:
        """How old the proof of a lane's older rows may become before they are walked again."""
        return timedelta(hours=self.lap_hours)


class MasterSettings(Settings):
    """Of `migration_master`."""

    database: DatabaseAccess
    replica: ReplicaAccess
    kafka: KafkaAccess
    queue: QueueAccess
    mapping: MappingFile
    http: Http
    output: Output


class WorkerSettings(Settings):
    """Of `migration_worker`."""

    database: DatabaseAccess
    replica: ReplicaAccess
    queue: QueueAccess
    mapping: MappingFile
    stuck: Stuck
    http: Http
    output: Output


class VerifierSettings(Settings):
    """Of `migration_verifier`."""

    database: DatabaseAccess
    auditing: Auditing
    http: Http
    output: Output


class LoaderSettings(Settings):
    """Of `snapshot_loader`."""

    database: DatabaseAccess
    queue: QueueAccess
    mapping: MappingFile
    snapshot: SnapshotFolder
    http: Http
    output: Output


def _variable(field: FieldInfo) -> str:
    chosen = field.validation_alias
    return str(chosen.choices[0]) if isinstance(chosen, AliasChoices) else str(chosen)


def _shown(value: Any) -> str:  # noqa: ANN401 - a field of any type
    return str(int(value)) if isinstance(value, bool) else str(value)


def _message(error: ErrorDetails, given: Mapping[str, str]) -> str:
    variable = str(error["loc"][-1]) if len(error["loc"]) > 1 else ""
    if error["type"] == "missing":
        near = get_close_matches(variable, given, n=1, cutoff=0.85)
        return f"{variable} is missing" + (f" (did you mean {near[0]}, which is set?)" if near else "")
    text = error["msg"].removeprefix("Value error, ")
    return f"{variable}: {text[0].lower()}{text[1:]}" if variable else text
