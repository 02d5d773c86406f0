"""A folder behind HTTP: ranges tied to what was read before, redirects followed without taking secrets along."""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from migration_core.errors import ConfigError, SnapshotError, Transient
from migration_core.printable import printable
from remote_files.remote import BLOCK, CONNECT_SECONDS, READ_SECONDS, Body, Changed, refusal

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_WHOLE, _PARTIAL = 200, 206
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_PORTS = {"http": 80, "https": 443}


class HttpsFolder:
    """`url` ends with a slash; `secrets` are headers for its own origin and for no other."""

    def __init__(self, url: str, secrets: Mapping[str, str], *, allow_http: bool = False, connections: int = 1) -> None:
        self._url = url
        self._secrets = dict(secrets)
        self._allow_http = allow_http
        self._expect_safe(url)
        self._pool = PoolManager(
            maxsize=connections, retries=False, timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        )

    def shown(self, name: str) -> str:
        return _shown(self._of(name))

    @contextmanager
    def open(self, name: str, *, offset: int = 0, validator: str | None = None) -> Iterator[Body]:
        asked = {"Accept-Encoding": "identity"}  # digests are of the file as it lies there
        if offset:
            asked["Range"] = f"bytes={offset}-"
        if offset and validator:
            asked["If-Range"] = validator
        try:
            response = self._answer(self._of(name), asked)
            try:
                yield self._body(response, self.shown(name), offset, validator)
            finally:
                response.close()  # not given back: the rest of a body that nobody wants is still on its way
        except SSLError as error:
            raise _untrusted(self.shown(name), error) from error
        except HTTPError as error:
            raise Transient(f"{self.shown(name)}: {_cause(error)}: run the same command again later") from error

    def _of(self, name: str) -> str:
        return self._url + quote(name)

    def _answer(self, url: str, asked: Mapping[str, str]) -> BaseHTTPResponse:
        """The first answer that is no redirect."""
        secrets = self._secrets
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._pool.request(
                "GET", url, headers={**asked, **secrets}, preload_content=False, redirect=False
            )
            target = response.headers.get("Location")
            if response.status not in _REDIRECTS or target is None:
                return response
            response.close()
            onward = urljoin(url, target)
            self._expect_safe(onward)
            if _origin(onward) != _origin(url):
                secrets = {}  # and they stay away, wherever that one leads
            url = onward
        raise SnapshotError(f"{_shown(url)}: over {_MOST_REDIRECTS} redirects: write the address that they lead to")

    def _body(self, response: BaseHTTPResponse, where: str, offset: int, validator: str | None) -> Body:
        if response.status not in (_WHOLE, _PARTIAL):
            raise refusal(response.status, where)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SnapshotError(f"{where}: it comes compressed on the way, unasked: turn that off at the server")
        found = _validator(response.headers)
        blocks = response.stream(BLOCK, decode_content=False)
        if response.status == _WHOLE:
            length = response.headers.get("Content-Length", "")
            return Body(0, int(length) if length.isdecimal() else None, found, blocks)
        begins = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if begins is None or int(begins[1]) != offset:
            raise Changed(f"{where}: asked for byte {offset} on, the server sent other ones")
        if validator and found and _is_etag(found) == _is_etag(validator) and found != validator:
            # A server that knows ranges and not If-Range would let two files be glued together.
            raise Changed(f"{where}: the server sent the rest of another file")
        return Body(offset, None if begins[3] == "*" else int(begins[3]), validator or found, blocks)

    def _expect_safe(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme != "http" or not parts.hostname:
            raise SnapshotError(f"{_shown(url)}: neither https nor http leads there")
        if not self._allow_http and not _is_loopback(parts.hostname):
            raise ConfigError(
                f"{_shown(url)}: anybody on the way could read and change it: write https, or say --allow-http"
            )


def _validator(headers: Mapping[str, str]) -> str | None:
    """A strong ETag, else the time of the last change: the digest finds what a second may hide."""
    etag = headers.get("ETag", "")
    return etag if _is_etag(etag) else headers.get("Last-Modified")


def _is_etag(validator: str) -> bool:
    return validator.startswith('"')  # a weak one is for pages that look alike


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """Without user, query and fragment, where signatures and passwords stand."""
    parts = urlsplit(url)
    return printable(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))


def _untrusted(where: str, error: SSLError) -> ConfigError | Transient:
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in (error, *error.args, error.__context__)):
        return ConfigError(
            f"{where}: no authority that is trusted here vouches for the server: set SSL_CERT_FILE to its file"
        )
    return Transient(f"{where}: TLS failed: run the same command again later")


def _cause(error: HTTPError) -> str:
    """Never the library's own words, which quote the whole address."""
    return "no such address" if isinstance(error, LocationValueError) else type(error).__name__
