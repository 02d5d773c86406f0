"""Which models are tried in which bounds, and which guards are taken away from each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from docs.model import images, ingest, lanes, patches, reload
from docs.model.checker import Model


class Bounded(Model[Any], Protocol):
    """A model that says in words how far it goes."""

    bounds: str


@dataclass(frozen=True, slots=True)
class Check:
    """One model; every one of `guards` must give a counter-example when it is left out."""

    name: str
    build: Callable[..., Bounded]
    """With the keyword `without` naming a guard, or nothing."""
    guards: Mapping[str, str]


_BY_SWEEPER = {name: text for name, text in lanes.GUARDS.items() if name != "second look"}
_BY_DOORBELL = {"second look": lanes.GUARDS["second look"]}
_EARLY = {"early snapshot refused": reload.GUARDS["early snapshot refused"]}
_IN_TIME = {name: text for name, text in reload.GUARDS.items() if name not in _EARLY}

FULL = (
    Check("lanes, one fault", partial(lanes.Lanes, rows=3, faults=1), {}),
    Check("lanes, two faults", partial(lanes.Lanes, rows=2, faults=2), _BY_SWEEPER),
    Check("lanes, doorbells alone", partial(lanes.Lanes, lost=False, rows=4), _BY_DOORBELL),
    Check("images", partial(images.Images, rows=4), images.GUARDS),
    Check("images, two redrives", partial(images.Images, rows=3, redrives=2, kills=0), {}),
    Check("reload, given up", partial(reload.Reload, records=3, early=0, abandons=1), {}),
    Check("reload, longer", partial(reload.Reload, records=4, early=0, abandons=0), {}),
    Check("reload, early snapshot", partial(reload.Reload, records=3, early=1, abandons=0), reload.GUARDS),
    Check("ingest", partial(ingest.Ingest, records=4, faults=3, old_starts=3), ingest.GUARDS),
    Check("patches", partial(patches.Patches, rows=5, kills=2), patches.GUARDS),
)
"""The largest first, so that two processes end at about the same time."""

SMALL = (
    Check("ingest", partial(ingest.Ingest, records=2, faults=1, old_starts=1), ingest.GUARDS),
    Check("lanes", partial(lanes.Lanes, rows=1, faults=1), _BY_SWEEPER),
    Check("lanes, doorbells alone", partial(lanes.Lanes, lost=False, rows=2), _BY_DOORBELL),
    Check("reload", partial(reload.Reload, records=2, early=0, abandons=0), _IN_TIME),
    Check("reload, early snapshot", partial(reload.Reload, records=1, early=1, abandons=0), _EARLY),
    Check("images", partial(images.Images, rows=2, kills=0, gives_up=0), images.GUARDS),
    Check("patches", partial(patches.Patches, rows=3, kills=1), patches.GUARDS),
)
"""The smallest bounds in which every guard is still missed: seconds."""
