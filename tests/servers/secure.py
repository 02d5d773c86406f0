"""Servers with certificates and passwords, as processes of this machine for one test module."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from os import environ
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.fetching import say_on_stderr
from local_stack.folders import cache_folder
from local_stack.kafka import Kafka
from local_stack.mysql import MySql
from local_stack.ports import free_port
from local_stack.process import start
from local_stack.server import Command, Place, Server
from local_stack.servers import ServerFailed

USER = "migration"
_DAY = timedelta(days=1)
_ARRIVES_WITHIN_SECONDS = 60
_SASL = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_TOKEN = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
_TAKES_ANY = (
    "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
)
"""Tokens that nobody has signed; who they are of stands in them."""


class Authority:
    """Somebody who signs certificates; `file` is what clients trust."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._certificate(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(made)

    def server(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """(certificate, key) of a server that may be reached by these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([_general(host) for host in hosts])
        certificate, secret = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(self._certificate(subject, key, names, critical=False))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, *, critical: bool
    ) -> bytes:
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=subject, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(extension, critical=critical)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)


@contextmanager
def mysql(folder: Path, authority: Authority, *hosts: str) -> Iterator[str]:
    """The URL of a server that shows a certificate for `hosts`."""
    certificate, key = authority.server("mysql", *hosts)
    more = [f"--ssl-ca={authority.file}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    with _running(MySql(), folder, more) as ports:
        yield MySql().address(ports["mysql"])


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """Where each kind of listener is; their protocols are their names."""

    ports: Mapping[str, int]

    def environment(self, protocol: str) -> dict[str, str]:
        """What every client of this listener needs."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ports[protocol]}",
            "KAFKA_SECURITY_PROTOCOL": protocol,
        }


@contextmanager
def kafka(folder: Path, authority: Authority, password: str) -> Iterator[SecureKafka]:
    """A broker that is reached by TLS, by SCRAM, by both, and by tokens."""
    certificate, key = authority.server("kafka", "127.0.0.1")
    together = folder / "kafka.pem"
    together.write_bytes(key.read_bytes() + certificate.read_bytes())
    with _running(_Listening(together), folder, []) as ports:
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{ports['kafka']}"})
        secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted = [UserScramCredentialUpsertion(USER, secret, password.encode())]
        for future in admin.alter_user_scram_credentials(wanted).values():
            future.result()
        yield SecureKafka(ports)


class _Listening(Kafka):
    """The usual broker with more listeners."""

    ports = (*Kafka.ports, "SSL", "SASL_PLAINTEXT", "SASL_SSL")

    def __init__(self, keystore: Path) -> None:
        self._keystore = keystore

    def prepare(self, place: Place, ports: Mapping[str, int]) -> Command:
        command = super().prepare(place, ports)
        names = {"PLAINTEXT": "kafka", "CONTROLLER": "controller", **{name: name for name in self.ports[2:]}}
        settings = {
            "listeners": ",".join(f"{name}://127.0.0.1:{ports[port]}" for name, port in names.items()),
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name}:{name}" for name in names if name != "CONTROLLER"),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": _SASL,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SASL,
            "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": _TOKEN,
            "listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class": _TAKES_ANY,
        }
        # Of two lines for one name the last one counts.
        with (place.own / "kafka.properties").open("a", encoding="latin-1") as properties:
            properties.writelines(f"{name}={value}\n" for name, value in settings.items())
        return command


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@contextmanager
def _running(server: Server, folder: Path, more: Sequence[str]) -> Iterator[dict[str, int]]:
    place = Place(cache_folder(environ), folder / server.name, say_on_stderr)
    server.fetch(place)
    ports: dict[str, int] = {}
    for name in server.ports:
        ports[name] = free_port(but=ports.values())
    command = server.prepare(place, ports)
    log = place.own / f"{server.name}.log"
    process = start([*command.arguments, *more], log=log, env=command.env)
    try:
        until = time.monotonic() + _ARRIVES_WITHIN_SECONDS
        while server.version(server.address(ports[server.ports[0]])) is None:
            if not process.alive() or time.monotonic() > until:
                raise ServerFailed(f"{server.title}: {server.cause(log.read_text(errors='replace'))} ({log})")
            time.sleep(0.05)
        yield ports
    finally:
        process.stop(kill=True)
