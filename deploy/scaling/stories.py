"""The hours that the policy is tried in."""

from deploy.scaling.scenario import HOUR, MINUTE, Scenario

LOADED_A_SECOND = 57_711
"""Raw rows that the loader stores: row a of the benchmarks, 1,000,000 rows, in the slowest run that was seen."""
USERS = 2_000_000
SNAPSHOT_ROWS = USERS * (1 + 2 + 7)
"""Users, two devices and seven measurements for each: the proportions of the example health_devices."""
STREAM_A_SECOND = 3 * USERS / (24 * HOUR)
"""The example's three changes a user, in one day."""
BUSY = 4_000
"""A steady stream that one worker manages; a burst is ten times as much."""


def _bursts(*begins: float) -> tuple[tuple[float, float], ...]:
    changes = [(begin, rate) for at in begins for begin, rate in ((at, 10.0 * BUSY), (at + 10 * MINUTE, float(BUSY)))]
    return ((0.0, float(BUSY)), *changes)


SNAPSHOT = Scenario(
    "snapshot",
    "Snapshot of 2 M users: 20 M rows",
    3,
    (
        (0, STREAM_A_SECOND),
        (10 * MINUTE, LOADED_A_SECOND + STREAM_A_SECOND),
        (10 * MINUTE + SNAPSHOT_ROWS / LOADED_A_SECOND, STREAM_A_SECOND),
    ),
    rises=1,
)
BURSTS = Scenario(
    "bursts", "4,000 rows/s, 10 x for ten minutes each hour", 5, _bursts(*(HOUR * n for n in range(1, 5))), rises=4
)
STEADY = Scenario("steady", "15,000 rows/s without end", 6, ((0, 15_000),), rises=1)
PAUSED = Scenario("paused", "Paused for three hours, then resumed", 6, ((0, BUSY),), rises=1, held=((HOUR, 4 * HOUR),))
SPOT = Scenario(
    "spot",
    "30,000 rows/s; all Spot tasks interrupted, five times",
    5,
    ((0, 30_000),),
    rises=3,
    without_spot=(
        (HOUR, HOUR + 20 * MINUTE),
        *((2 * HOUR + n * 10 * MINUTE, 2 * HOUR + n * 10 * MINUTE + 3 * MINUTE) for n in range(4)),
    ),
)
UNSEEN = Scenario(
    "unseen",
    "No metric for five minutes: in a burst, and at rest",
    3,
    _bursts(HOUR),
    rises=1,
    unseen=((HOUR + 2 * MINUTE, HOUR + 7 * MINUTE), (2.5 * HOUR, 2.5 * HOUR + 5 * MINUTE)),
)
MASTER_AWAY = Scenario(
    "master_away",
    "15,000 rows/s; the master is away for half an hour",
    4,
    ((0, 15_000), (HOUR, 0), (1.5 * HOUR, 60_000), (1.5 * HOUR + 10 * MINUTE, 15_000)),
    rises=2,
)
FEW_LANES = Scenario(
    "few_lanes",
    "20 M rows in four lanes",
    3,
    ((0, 0), (10 * MINUTE, LOADED_A_SECOND), (10 * MINUTE + SNAPSHOT_ROWS / LOADED_A_SECOND, 0)),
    rises=1,
    lanes=4,
)
EVERY = (SNAPSHOT, BURSTS, STEADY, PAUSED, SPOT, UNSEEN, MASTER_AWAY, FEW_LANES)
