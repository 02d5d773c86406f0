"""IAM in the place of a password, as Amazon MSK takes it: tokens that the task's own role signs, made anew as they end.

Librdkafka knows no such mechanism: for it these are tokens of OAUTHBEARER, which it asks a callback for.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from migration_core.errors import ConfigError

log = logging.getLogger(__name__)

MECHANISM = "AWS_MSK_IAM"
"""As Amazon's library for Java names it."""
_NAMES = ("sasl.mechanism", "sasl.mechanisms")
_BROKER = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?:")
"""How MSK names its brokers, `b-1.migration.x1y2z3.c2.kafka.eu-central-1.amazonaws.com:9098`."""


def signing(config: Mapping[str, str], refused: Callable[[str], None]) -> dict[str, Any]:
    """What to set above these settings; nothing where they ask for another mechanism.

    `refused` hears why no token could be made. Raises ConfigError where there is none now, where it would
    travel unprotected, or where its region is not known.
    """
    if MECHANISM not in (config.get(name) for name in _NAMES):
        return {}
    if config.get("security.protocol", "").upper() != "SASL_SSL":
        raise ConfigError(f"KAFKA_SASL_MECHANISM={MECHANISM} needs KAFKA_SECURITY_PROTOCOL=SASL_SSL")
    region = _region(config.get("bootstrap.servers", ""))
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 - it loads the whole SDK, for MSK alone

    def token(_config: str) -> tuple[str, float]:
        """The token, and when it ends, in seconds since the epoch."""
        try:
            made, ends_ms = MSKAuthTokenProvider.generate_auth_token(region)
        except Exception as error:
            # The signer stumbles over credentials that are not there, instead of saying so.
            why = "there are no AWS credentials" if isinstance(error, AttributeError) else str(error)
            message = f"no IAM token could be signed: {why}"
            log.warning("kafka_token", extra={"reason": why})
            refused(message)
            raise ConfigError(message) from error
        return made, ends_ms / 1000

    token("")  # without a first one the client waits for ten seconds, and does not say why
    return {**{name: "OAUTHBEARER" for name in _NAMES if name in config}, "oauth_cb": token}


def _region(servers: str) -> str:
    named = _BROKER.search(servers + ":")
    region = named[1] if named else os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError(f"KAFKA_SASL_MECHANISM={MECHANISM}: set AWS_REGION, which no name of a broker tells")
    return region
