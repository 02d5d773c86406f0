"""The words that the app and what it deploys share."""

from typing import Final

UID: Final = "10001"
"""Of the image's user, and of the snapshot's files."""
SNAPSHOT: Final = "/snapshot"
SCRATCH: Final = "/tmp"  # noqa: S108 - the only place that a task with a read-only root may write to
HTTP_PORT: Final = 8080
STOP_SECONDS: Final = 30
"""Services leave in under ten; Fargate would allow 120."""
HEALTH: Final = (
    "python",
    "-c",
    "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['HTTP_PORT']}/healthz\", timeout=2)",
)
"""As the image says it: ECS does not look at the image's own."""
VISIBILITY_SECONDS: Final = 30
RETENTION_DAYS: Final = 4
RECEIVES: Final = 1000
"""A doorbell of a busy lane is often put back: only one that nobody could handle for hours comes this far."""


def camel(name: str) -> str:
    """A name of the mapping as resources are called."""
    return "".join(word.capitalize() for word in name.split("_"))
