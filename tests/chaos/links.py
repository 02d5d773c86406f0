"""The ways from the programs to their servers, each through proxies that are told what goes wrong and when it ends."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random

from sqlalchemy.engine import make_url

from local_stack.servers import Servers
from tests.chaos.kafka_proxy import KafkaProxy, kafka_proxy
from tests.chaos.mysql_proxy import MysqlProxy, mysql_proxy
from tests.chaos.mysql_session import AT_ANY_STATEMENT, Cut
from tests.chaos.sqs_faults import Rates
from tests.chaos.sqs_proxy import SqsProxy, sqs_proxy
from tests.chaos.tcp_proxy import BlackHole, CutAfter, Latency, Refuse, TcpProxy, Way, tcp_proxy

_COMMIT = b"(?i)^commit"
_SHARE = 0.02
"""Of all statements: a batch has about twenty."""
_SLOW = Latency(0.05)
_LIES = Rates(
    throttled=0.05, unavailable=0.05, cut=0.05, answer_lost=0.05,
    refused=0.1, lost=0.1, delayed=0.1, reordered=0.1, doubled=0.2, expired=0.1,
)  # fmt: skip
_DEDUPLICATES_FASTER = 60.0

End = Callable[[], None]


@dataclass(frozen=True)
class Links:
    """Proxies that know the protocol before MySQL and SQS, and ones that know bytes alone before MySQL and Kafka."""

    mysql: MysqlProxy
    mysql_bytes: TcpProxy
    kafka_bytes: KafkaProxy
    sqs: SqsProxy

    def addresses(self, url: str) -> Mapping[str, str]:
        """The variables that lead a program through them."""
        return {
            "DATABASE_URL": self.mysql.through(url),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bytes.address,
            "AWS_ENDPOINT_URL_SQS": self.sqs.url,
        }

    def begin(self, name: str, seed: int) -> End:
        """Let the fault of this name begin; what ends it."""
        return FAULTS[name](self, Random(seed))

    def clear(self) -> None:
        """Every fault ends."""
        for one in (self.mysql, self.mysql_bytes, self.kafka_bytes, self.sqs):
            one.clear()

    def statement_errors(self, dice: Random) -> End:
        self.mysql.disturb(_SHARE, AT_ANY_STATEMENT, dice.randrange(1 << 30))
        return self.mysql.clear

    def commits_cut(self, dice: Random) -> End:
        for number in range(1, 5):
            self.mysql.at(number * dice.randint(1, 3), dice.choice(list(Cut)), matching=_COMMIT)
        return self.mysql.clear

    def refused_sessions(self, _dice: Random) -> End:
        self.mysql.refuse(1040, 5)
        return self.mysql.clear

    def lies(self, _dice: Random) -> End:
        self.sqs.at(_LIES)
        return self.sqs.clear

    def sqs_away(self, _dice: Random) -> End:
        self.sqs.away()
        return self.sqs.clear

    def sqs_silent(self, _dice: Random) -> End:
        self.sqs.black_hole()
        return self.sqs.clear


def _slow(proxy: TcpProxy, _dice: Random) -> End:
    proxy.tell(_SLOW)
    return proxy.clear


def _silent(proxy: TcpProxy, dice: Random) -> End:
    proxy.tell(BlackHole(frozenset(dice.choice(([Way.TO_SERVER], [Way.TO_CLIENT], list(Way))))))
    return proxy.clear


def _cut(proxy: TcpProxy, dice: Random) -> End:
    proxy.tell(CutAfter(dice.randint(1, 200_000), dice.choice(list(Way)), times=3))
    return proxy.clear


def _refused(proxy: TcpProxy, _dice: Random) -> End:
    proxy.tell(Refuse())
    proxy.reset()
    return proxy.clear


def _reset(proxy: TcpProxy, _dice: Random) -> End:
    proxy.reset()
    return lambda: None


def _half_open(proxy: TcpProxy, dice: Random) -> End:
    proxy.half_open(dice.choice(list(Way)))
    return lambda: None


FAULTS: Mapping[str, Callable[[Links, Random], End]] = {
    "mysql statement errors": Links.statement_errors,
    "mysql commits cut": Links.commits_cut,
    "mysql refuses sessions": Links.refused_sessions,
    "mysql slow": lambda links, dice: _slow(links.mysql_bytes, dice),
    "mysql silent": lambda links, dice: _silent(links.mysql_bytes, dice),
    "mysql cut": lambda links, dice: _cut(links.mysql_bytes, dice),
    "mysql reset": lambda links, dice: _reset(links.mysql_bytes, dice),
    "mysql half open": lambda links, dice: _half_open(links.mysql_bytes, dice),
    "kafka slow": lambda links, dice: _slow(links.kafka_bytes, dice),
    "kafka silent": lambda links, dice: _silent(links.kafka_bytes, dice),
    "kafka cut": lambda links, dice: _cut(links.kafka_bytes, dice),
    "kafka reset": lambda links, dice: _reset(links.kafka_bytes, dice),
    "kafka refused": lambda links, dice: _refused(links.kafka_bytes, dice),
    "sqs lies": Links.lies,
    "sqs away": Links.sqs_away,
    "sqs silent": Links.sqs_silent,
}


@contextmanager
def links_to(servers: Servers) -> Iterator[Links]:
    """Before all three, and gone in the end."""
    with ExitStack() as opened:
        url = make_url(servers.mysql_url)
        mysql_bytes = opened.enter_context(tcp_proxy(url.host or "", url.port or 3306))
        behind = url.set(host="127.0.0.1", port=mysql_bytes.port).render_as_string(hide_password=False)
        yield Links(
            mysql=opened.enter_context(mysql_proxy(behind)),
            mysql_bytes=mysql_bytes,
            kafka_bytes=opened.enter_context(kafka_proxy(servers.kafka_bootstrap)),
            sqs=opened.enter_context(sqs_proxy(servers.sqs_endpoint, faster=_DEDUPLICATES_FASTER)),
        )
