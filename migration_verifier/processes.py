"""Where the processes of a verification come from: forked from one that has loaded everything they need."""

from multiprocessing import forkserver, get_context

FORKED = get_context("forkserver")
_LOADED = ["migration_verifier.verify_pool"]


def make_ready() -> None:
    """Begin to load in the background; the sooner it is called, the less is waited for later. Safe to repeat."""
    FORKED.set_forkserver_preload(_LOADED)
    forkserver.ensure_running()
