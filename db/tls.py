"""TLS to the server, in MySQL's own modes: what to demand of it, and what it means when it is refused."""

import ssl
from collections.abc import Mapping
from functools import cache
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLCertVerificationError, SSLContext

import pymysql
from sqlalchemy.engine import URL

from migration_core.errors import ConfigError

MODES = ("PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
VERIFYING = ("VERIFY_CA", "VERIFY_IDENTITY")
_OURS = ("ssl_ca", "ssl_mode")
_NO_TLS = 2026


def mode_of(query: Mapping[str, object]) -> str:
    """What a URL demands: to know the server where an authority is named, else TLS where the server has it."""
    others = sorted(name for name in query if name.startswith("ssl") and name not in _OURS)
    if others:
        raise ConfigError(
            f"DATABASE_URL has {', '.join(others)}, which would be passed over; write {' or '.join(_OURS)}"
        )
    mode = str(query.get("ssl_mode") or ("VERIFY_IDENTITY" if query.get("ssl_ca") else "PREFERRED")).upper()
    if mode not in MODES:
        raise ConfigError(f"ssl_mode {mode} is none of {', '.join(MODES)}")
    return mode


def context_for(query: Mapping[str, object]) -> SSLContext | None:
    """What the driver is given; None lets it go on without TLS where the server has none."""
    mode = mode_of(query)
    if mode not in VERIFYING:
        return trusting() if mode == "REQUIRED" else None
    authority = str(query["ssl_ca"]) if query.get("ssl_ca") else None
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        told = error.strerror or "no certificate in it"
        raise ConfigError(
            f"the certificate authority in {authority} cannot be read ({told}); mend DATABASE_CA"
        ) from error
    # Authorities that servers make for themselves lack what this flag asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = mode == "VERIFY_IDENTITY"
    return context


def for_sqlalchemy(url: URL) -> URL:
    """The same demands in the words of its own dialect, for trees of revisions that open connections themselves."""
    mode = mode_of(url.query)
    plain = url.difference_update_query(["ssl_mode"])
    return plain.update_query_dict({"ssl_check_hostname": "false"}) if mode == "VERIFY_CA" else plain


@cache
def trusting() -> SSLContext:
    """Private, but with whoever answers; made once, since it would else read all of the system's certificates."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = CERT_NONE
    return context


def refusal(error: pymysql.OperationalError, host: str) -> ConfigError | None:
    """Words for an error that is about TLS and does not pass by itself, or None."""
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, SSLCertVerificationError):
        return ConfigError(
            f"the certificate of the server at {host} is not accepted: {cause.verify_message}; DATABASE_CA must name "
            "the authority that signed it, and the host must be one that it names"
        )
    if error.args and error.args[0] == _NO_TLS:
        return ConfigError(f"the server at {host} offers no TLS, and DATABASE_SSL_MODE asks for it: turn it on there")
    return None
