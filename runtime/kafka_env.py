"""Which `KAFKA_X_Y` variables become librdkafka's `x.y`, and which are refused."""

from collections.abc import Mapping

from runtime.environment import Unreadable, value_of

_PREFIX = "KAFKA_"
SERVERS = "KAFKA_BOOTSTRAP_SERVERS"

GUARANTEE = frozenset({
    "allow.auto.create.topics",
    "auto.offset.reset",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "isolation.level",
})  # fmt: skip
"""What the promise "nothing is lost" rests on: set by the program, never by its environment."""

_IGNORED = frozenset({
    "KAFKA_HEAP_OPTS", "KAFKA_HOME", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_LOG4J_OPTS", "KAFKA_OPTS", "KAFKA_VERSION",
})  # fmt: skip
"""Of Kafka's own shell scripts, which a shared shell may have exported."""

_LINKS = ("KAFKA_SERVICE_", "KAFKA_PORT", "KAFKA_TCP_")
"""What Kubernetes and old Docker links put into every container beside a service named kafka."""

_BROKER = (
    "KAFKA_ADVERTISED_", "KAFKA_BROKER_", "KAFKA_CONTROLLER_", "KAFKA_INTER_BROKER_", "KAFKA_LISTENER", "KAFKA_LOG_DIR",
    "KAFKA_NODE_ID", "KAFKA_OFFSETS_TOPIC_", "KAFKA_PROCESS_ROLES", "KAFKA_TRANSACTION_STATE_", "KAFKA_ZOOKEEPER_",
)  # fmt: skip

_SECRET = ("password", "secret", "key.pem", "passphrase", "jaas", "sasl.oauthbearer.config")


def librdkafka(env: Mapping[str, str]) -> dict[str, str]:
    """The client's settings; everything wrong or missing is named in one Unreadable."""
    config: dict[str, str] = {}
    wrong: list[str] = []
    for variable in filter(_meant_for_the_client, sorted(env)):
        if variable.startswith(_BROKER):
            wrong.append(f"{variable} belongs to the broker: never share an env file with it")
            continue
        plain = _without_file(variable)
        name = name_of(plain)
        if name in GUARANTEE:
            wrong.append(f"{variable} is refused: {name} carries the guarantee and is set by the program")
            continue
        try:
            value = value_of(env, plain) if is_secret(name) else env[variable]
        except Unreadable as error:
            wrong.append(str(error))
        else:
            config[name] = value or ""
    if name_of(SERVERS) not in config:
        wrong.append(f"{SERVERS} is missing")
    if wrong:
        raise Unreadable("; ".join(dict.fromkeys(wrong)))
    return config


def name_of(variable: str) -> str:
    """`bootstrap.servers` of KAFKA_BOOTSTRAP_SERVERS."""
    return variable.removeprefix(_PREFIX).lower().replace("_", ".")


def variable_of(name: str) -> str:
    """KAFKA_BOOTSTRAP_SERVERS of `bootstrap.servers`."""
    return _PREFIX + name.upper().replace(".", "_")


def is_secret(name: str) -> bool:
    """Whether a librdkafka setting must never be printed."""
    return any(word in name for word in _SECRET) and not name.endswith((".url", ".mechanism"))


def _meant_for_the_client(variable: str) -> bool:
    return variable.startswith(_PREFIX) and variable not in _IGNORED and not variable.startswith(_LINKS)


def _without_file(variable: str) -> str:
    # Only secrets come from files: some of librdkafka's own names end with `.file`.
    plain = variable.removesuffix("_FILE")
    return plain if is_secret(name_of(plain)) else variable
