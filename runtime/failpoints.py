"""The one door through which tests reach into a running program, shut unless MIGRATION_FAILPOINTS is set."""

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import cast

from migration_core.errors import ConfigError
from migration_core.steps import Reached, nothing

log = logging.getLogger(__name__)

VARIABLE = "MIGRATION_FAILPOINTS"


def failpoints(env: Mapping[str, str]) -> Reached:
    """What to call at every step of the protocol: nothing at all, except in a test of this tree."""
    wanted = env.get(VARIABLE)
    if not wanted:
        return nothing
    try:
        module = import_module("tests.chaos.failpoints")  # of the source tree only: no image has it
    except ImportError as error:
        raise ConfigError(f"{VARIABLE} is for tests in the source tree: unset it") from error
    log.warning("failpoints_set", extra={"failpoints": wanted})
    return cast("Reached", module.reached_of(wanted))
