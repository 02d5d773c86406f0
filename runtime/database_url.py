"""DATABASE_URL, from itself or from the fields that a managed secret holds."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from runtime.environment import Unreadable, values_of

URL, CA, MODE = "DATABASE_URL", "DATABASE_CA", "DATABASE_SSL_MODE"
PARTS = ("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD")
_OPTIONAL = "DATABASE_PORT"
_DEFAULT_PORT = "3306"
_HIGHEST_PORT = 65535
NAMES = frozenset({CA, MODE, *(name + suffix for name in (URL, *PARTS) for suffix in ("", "_FILE"))})
EXAMPLE = "mysql+pymysql://user:password@host:3306/schema"


def database_url(env: Mapping[str, str]) -> str:
    """The control schema's URL in SQLAlchemy's form; everything wrong or missing is named in one Unreadable."""
    whole, in_parts = (any(env.get(name) or env.get(f"{name}_FILE") for name in names) for names in ((URL,), PARTS))
    if whole and in_parts:
        raise Unreadable(f"{URL} and {PARTS[0]} … {PARTS[-1]} are both set: keep the URL or its parts")
    if not whole and not in_parts:
        raise Unreadable(f"{URL} is missing (or {', '.join(PARTS)})")
    found, wrong = values_of(env, (URL,) if whole else PARTS)
    if not wrong:
        wrong = _url_faults(found[URL]) if whole else _part_faults(found)
    if wrong:
        raise Unreadable("; ".join(wrong))
    url = found[URL] if whole else _built(found)
    for variable, parameter in ((CA, "ssl_ca"), (MODE, "ssl_mode")):
        if given := env.get(variable):
            url = _with(url, parameter, given, variable)
    return url


def hidden(url: str) -> str:
    """The URL without its password, for people."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)


def _built(parts: Mapping[str, str]) -> str:
    host = parts["DATABASE_HOST"]
    host = f"[{host}]" if ":" in host else host
    user, password, name = (
        quote(parts[part], safe="") for part in ("DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_NAME")
    )
    return f"mysql+pymysql://{user}:{password}@{host}:{parts.get(_OPTIONAL, _DEFAULT_PORT)}/{name}"


def _with(url: str, parameter: str, value: str, variable: str) -> str:
    if f"{parameter}=" in url.partition("?")[2]:
        raise Unreadable(f"{variable} and {parameter} in {URL} are both set: keep one of them")
    return f"{url}{'&' if '?' in url else '?'}{parameter}={quote(value, safe='')}"


def _url_faults(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("mysql", "mysql+pymysql") and parts.hostname and parts.path.strip("/")
    except ValueError:
        complete = None
    return [] if complete else [f"{URL} must name a MySQL schema: {EXAMPLE}"]


def _part_faults(found: Mapping[str, str]) -> list[str]:
    wrong = [f"{name} is missing" for name in PARTS if name not in found and name != _OPTIONAL]
    port = found.get(_OPTIONAL, _DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT):
        wrong.append(f"{_OPTIONAL} must be a number from 1 to {_HIGHEST_PORT}")
    return wrong
