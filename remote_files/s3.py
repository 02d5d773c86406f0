"""A folder in S3: a bucket and a prefix."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own name
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
)
from urllib3.exceptions import HTTPError

from migration_core.errors import ConfigError, MigrationError, Transient
from remote_files.remote import BLOCK, CONNECT_SECONDS, READ_SECONDS, Body, Changed, refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # of the development environment only
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_AWAY = (ConnectionError, HTTPClientError, IncompleteReadError, CredentialRetrievalError, HTTPError)
_GONE_STALE = frozenset({"ExpiredToken", "RequestTimeout", "RequestTimeTooSkewed"})
"""Answers with a status of 400 or 403 that the next request does not get."""


class S3Folder:
    """`prefix` is empty or ends with a slash; credentials and endpoint are the SDK's own business."""

    def __init__(self, bucket: str, prefix: str, *, region: str | None, connections: int = 1) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._client: S3Client = boto3.client(
            "s3",
            region_name=region,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 1},  # whoever fetches goes on where it stood
                max_pool_connections=connections,
                response_checksum_validation="when_required",  # the manifest's digest is compared
            ),
        )

    def shown(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{name}"

    @contextmanager
    def open(self, name: str, *, offset: int = 0, validator: str | None = None) -> Iterator[Body]:
        try:
            found = self._get(name, offset, validator)
            try:
                yield self._body(found, self.shown(name), offset)
            finally:
                found["Body"].close()
        except ClientError as error:
            raise self._refusal(error, self.shown(name)) from error
        except _AWAY as error:
            raise Transient(f"{self.shown(name)}: {type(error).__name__}: run the same command again later") from error
        except BotoCoreError as error:
            raise ConfigError(f"{self.shown(name)}: {error}") from error

    def _get(self, name: str, offset: int, validator: str | None) -> "GetObjectOutputTypeDef":
        asked: dict[str, Any] = {"Bucket": self._bucket, "Key": f"{self._prefix}{name}"}
        if offset:
            asked["Range"] = f"bytes={offset}-"
        if offset and validator:
            asked["IfMatch"] = validator  # the SDK has no If-Range: a changed object is told as 412
        return self._client.get_object(**asked)

    def _body(self, found: "GetObjectOutputTypeDef", where: str, offset: int) -> Body:
        blocks = found["Body"].iter_chunks(BLOCK)
        begins = found.get("ContentRange", "").removeprefix("bytes ")
        if not begins:
            return Body(0, found["ContentLength"], found.get("ETag"), blocks)
        if not begins.startswith(f"{offset}-"):
            raise Changed(f"{where}: asked for byte {offset} on, the server sent other ones")
        size = begins.rpartition("/")[2]
        return Body(offset, int(size) if size.isdecimal() else None, found.get("ETag"), blocks)

    def _refusal(self, error: ClientError, where: str) -> MigrationError:
        told = error.response.get("Error", {}).get("Code", "")
        if told in _GONE_STALE:
            return Transient(f"{where}: {told}: run the same command again later")
        return refusal(error.response["ResponseMetadata"]["HTTPStatusCode"], f"{where}: {told}")
