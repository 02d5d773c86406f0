"""Tests and forms of tests that take minutes, and run only when CHAOS_FULL is set."""

import os

import pytest

FULL = bool(os.environ.get("CHAOS_FULL"))
only_full = pytest.mark.skipif(not FULL, reason="takes long: set CHAOS_FULL=1")
