"""Where a snapshot comes from, as people write it."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from migration_core.errors import ConfigError
from migration_core.printable import printable
from remote_files.https import HttpsFolder
from remote_files.remote import Remote
from remote_files.s3 import S3Folder

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def remote_of(
    source: str, *, secrets: Mapping[str, str], region: str | None, allow_http: bool, connections: int
) -> Remote:
    """The folder that `source` names; ConfigError says what to write instead."""
    try:
        parts = urlsplit(source)
        _ = parts.port
    except ValueError:
        raise ConfigError(f"{_bare(source)} is no address: write s3://bucket/prefix or https://host/path/") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError(
            "a user, a password, a query or a fragment in SOURCE could be read in the process list: write the folder's "
            "address alone, and secrets into SNAPSHOT_SOURCE_TOKEN or SNAPSHOT_SOURCE_HEADERS"
        )
    folder = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        return S3Folder(parts.netloc, folder.lstrip("/"), region=region, connections=connections)
    if parts.scheme in ("http", "https") and parts.hostname:
        url = f"{parts.scheme}://{parts.netloc}{folder}"
        return HttpsFolder(url, secrets, allow_http=allow_http, connections=connections)
    raise ConfigError(f"{_bare(source)} is no source: write s3://bucket/prefix or https://host/path/")


def _bare(source: str) -> str:
    """As far as nothing secret can stand in it."""
    return printable(source.partition("?")[0].rpartition("@")[2])
