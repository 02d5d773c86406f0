"""All fuzz targets, by their names."""

from tests.fuzz import commands, decoders, mappings, parts, readers
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    one.name: one for one in (*decoders.TARGETS, *readers.TARGETS, *parts.TARGETS, *mappings.TARGETS, *commands.TARGETS)
}
