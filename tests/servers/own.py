"""What one test has of its own on servers that many tests share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.engine import make_url

from db.bulk import quoted
from db.engine import Database
from kafka_log.topics import TopicAdmin
from local_stack.own import Stack
from local_stack.servers import Servers
from work_queue.attributes import ensure_queue
from work_queue.client import client

REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class OwnServers:
    """A stack to stop and to kill by server, and where it is."""

    stack: Stack
    servers: Servers


def fresh(word: str) -> str:
    """A name that no other test has, short enough for a schema, a topic and a queue."""
    return f"{word}_{uuid4().hex[:12]}"


@contextmanager
def dropped_afterwards(servers: Servers, *schemas: str) -> Iterator[None]:
    """Remove these schemas in the end, where they exist."""
    try:
        yield
    finally:
        server = Database(schema_url(servers, "mysql"), pool_size=1)
        try:
            with server.transaction() as session:
                for schema in schemas:
                    session.execute(f"DROP DATABASE IF EXISTS {quoted(schema)}")
        finally:
            server.close()


@contextmanager
def user(servers: Servers, *grants: str, schema: str) -> Iterator[str]:
    """DATABASE_URL of a user with exactly these rights ("SELECT ON shop.*"), who is gone in the end."""
    name = fresh("user")
    server = Database(schema_url(servers, "mysql"), pool_size=1)
    try:
        with server.transaction() as session:
            session.execute(f"CREATE USER {name} IDENTIFIED BY 'secret'")
            for grant in grants:
                session.execute(f"GRANT {grant} TO {name}")
        parsed = make_url(servers.mysql_url).set(username=name, password="secret", database=schema)
        yield parsed.render_as_string(hide_password=False)
    finally:
        with server.transaction() as session:
            session.execute(f"DROP USER IF EXISTS {name}")
        server.close()


def schema_url(servers: Servers, name: str) -> str:
    """DATABASE_URL for the schema `name`."""
    return make_url(servers.mysql_url).set(database=name).render_as_string(hide_password=False)


TopicFactory = Callable[..., str]
"""topic(word="log", *, partitions=1, config=None) -> the name of a new topic."""


@contextmanager
def topics(servers: Servers) -> Iterator[TopicFactory]:
    """A maker of topics, which are removed in the end."""
    admin = TopicAdmin({"bootstrap.servers": servers.kafka_bootstrap})
    made: list[str] = []

    def topic(word: str = "log", *, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        name = fresh(word)
        admin.create(name, partitions=partitions, config=config)
        made.append(name)
        return name

    try:
        yield topic
    finally:
        for name in made:
            admin.delete(name)


@contextmanager
def fifo_queue(servers: Servers) -> Iterator[str]:
    """The URL of an empty queue with the attributes that doorbells need."""
    sqs = client(REGION, endpoint=servers.sqs_endpoint)
    url = ensure_queue(sqs, f"{fresh('doorbells')}.fifo")
    try:
        yield url
    finally:
        sqs.delete_queue(QueueUrl=url)
        sqs.close()
