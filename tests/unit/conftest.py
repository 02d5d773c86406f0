"""How properties are tried: as many examples as fit in seconds, and no clock that a busy machine could lose against."""

from hypothesis import settings

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
