"""Tokens for MSK are signed for the right region, travel protected only, and tell why they could not be made."""

import os
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import pytest

from kafka_log.msk_iam import signing
from migration_core.errors import ConfigError

IAM = {"sasl.mechanism": "AWS_MSK_IAM", "security.protocol": "SASL_SSL"}
BROKERS = "b-1.m.x1y2.c2.kafka.eu-central-1.amazonaws.com:9098,b-2.m.x1y2.c2.kafka.eu-central-1.amazonaws.com:9098"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def role(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-4711")


def asked(token: str) -> tuple[str | None, dict[str, list[str]]]:
    """Which service the token is for, and what it asks."""
    url = urlsplit(urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    return url.hostname, parse_qs(url.query)


def test_settings_of_another_mechanism_stay_as_they_are():
    assert signing({"sasl.mechanism": "SCRAM-SHA-512"}, pytest.fail) == {}


@pytest.mark.parametrize("name", ["sasl.mechanism", "sasl.mechanisms"])
def test_a_token_is_signed_for_the_region_of_the_brokers(name, role, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    found = signing({name: "AWS_MSK_IAM", "security.protocol": "SASL_SSL", "bootstrap.servers": BROKERS}, pytest.fail)
    token, ends = found["oauth_cb"]("")

    host, query = asked(token)
    assert found[name] == "OAUTHBEARER"
    assert host == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert ends > 1_700_000_000
    assert ends < 10_000_000_000  # seconds, not milliseconds
    assert "canary" not in token


def test_brokers_under_a_name_of_their_own_are_in_the_region_of_the_task(role, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")

    token, _ = signing(IAM | {"bootstrap.servers": "kafka.example.org:9098"}, pytest.fail)["oauth_cb"]("")

    assert asked(token)[0] == "kafka.eu-west-1.amazonaws.com"


def test_no_region_is_told_at_once():
    with pytest.raises(ConfigError, match="set AWS_REGION"):
        signing(IAM | {"bootstrap.servers": "kafka.example.org:9098"}, pytest.fail)


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "PLAINTEXT", ""])
def test_a_token_never_travels_unprotected(protocol):
    with pytest.raises(ConfigError, match="needs KAFKA_SECURITY_PROTOCOL=SASL_SSL"):
        signing(IAM | {"security.protocol": protocol, "bootstrap.servers": BROKERS}, pytest.fail)


def test_a_role_that_is_missing_is_told_at_once():
    told: list[str] = []

    with pytest.raises(ConfigError, match="there are no AWS credentials"):
        signing(IAM | {"bootstrap.servers": BROKERS}, told.append)

    assert told == ["no IAM token could be signed: there are no AWS credentials"]
