"""MySQL's error numbers, sorted once by what the caller must do.

The driver's exception classes cannot be used for it: PyMySQL files 1292, 3140 and 3819 under OperationalError,
beside 1205 and 2013.
"""

from enum import Enum, auto

DUPLICATE_KEY, DUPLICATE_KEY_WITH_NAME = 1062, 1586
LOCK_WAIT_TIMEOUT, DEADLOCK, LOCK_NOWAIT = 1205, 1213, 3572
SERVER_GONE, SERVER_LOST = 2006, 2013
PACKET_TOO_LARGE = 1153
LOOK_TIMEOUT = 3024


class Answer(Enum):
    """What an error asks of its caller."""

    RETRY = auto()
    """Infrastructure: roll back, read the watermark again, redo the whole transaction."""
    RECONNECT = auto()
    """The same, on another connection: this one is dead or points to a server that may not write."""
    LOCKED = auto()
    """Somebody else holds the lane: no error at all."""
    BAD_DATA = auto()
    """The statement's values can never be stored: find the row and reject it."""
    DUPLICATE = auto()
    """A unique index stands against it: which one decides."""
    HALT = auto()
    """Schema, grants or settings are wrong: no retry helps, and no row is to blame."""
    UNKNOWN = auto()
    """Not in this table: retry a few times, then halt the lane; never reject."""


_RETRY = {
    1021,  # disk full
    1026,  # error writing a file
    1030,  # error from the storage engine, such as no space left
    1037,  # out of memory
    1038,  # out of sort memory
    1105,  # unknown error, which storage engines give while they shut down
    1114,  # table is full: the disk or the temporary space is
    LOCK_WAIT_TIMEOUT,
    DEADLOCK,
    1206,  # more locks than the lock table holds
    1317,  # query interrupted by KILL QUERY
    1412,  # table definition changed, retry the transaction
    1615,  # prepared statement needs to be prepared again
    1637,  # too many concurrent transactions
    1878,  # temporary file could not be written
    LOOK_TIMEOUT,  # query ran longer than max_execution_time
    3058,  # user-level lock deadlock
    3101,  # transaction rolled back by the group
    3168,  # server is not available
}
_RECONNECT = {
    1040,  # too many connections
    1053,  # server is shutting down
    1077,  # normal shutdown
    1079,  # shutdown complete
    1129,  # host is blocked
    1152,  # aborted connection
    1156,  # packets out of order
    1158, 1159, 1160, 1161,  # network read and write errors
    1184,  # aborted connection
    1203,  # user has too many connections
    1226,  # user exceeded a resource limit
    1290,  # --read-only: after a fail-over this connection points to the demoted writer
    1792,  # read-only transaction
    1836,  # read-only mode
    1927,  # connection was killed
    2002, 2003,  # cannot connect
    SERVER_GONE,
    SERVER_LOST,
    2014,  # commands out of sync
    2027,  # malformed packet
    2045, 2055,  # lost connection
    3032,  # offline mode
    3169,  # session was killed
    4031,  # idle for longer than wait_timeout
}  # fmt: skip
_BAD_DATA = {
    1048: "FIELD_NULL",
    1118: "MYSQL_1118",  # row too large
    PACKET_TOO_LARGE: "REC_TOO_LARGE",  # found before it is sent: the server would only close the connection
    1264: "NUM_RANGE",
    1265: "MYSQL_1265",  # data truncated
    1292: "MYSQL_1292",  # incorrect date, time or number
    1300: "MYSQL_1300",  # invalid character string
    1364: "FIELD_MISSING",
    1366: "MYSQL_1366_CHARSET",
    1367: "MYSQL_1367",  # illegal value while parsing
    1406: "STR_TOO_LONG",
    1411: "MYSQL_1411",  # incorrect value for a function
    1416: "MYSQL_1416",  # not a geometry
    1425: "NUM_PRECISION",
    1441: "DATE_RANGE",
    1451: "FOREIGN_KEY",
    1452: "FOREIGN_KEY",
    1526: "MYSQL_1526",  # no partition for the value
    1690: "NUM_RANGE",
    1748: "MYSQL_1748",  # row outside the given partitions
    3140: "MYSQL_3140",  # invalid JSON text
    3141: "MYSQL_3141",
    3144: "MYSQL_3144",  # JSON from binary
    3150: "MYSQL_3150",  # JSON too large
    3157: "JSON_TOO_DEEP",
    3158: "MYSQL_3158",  # JSON key too large
    3673: "MYSQL_3673",
    3819: "CHECK_VIOLATION",
    3903: "MYSQL_3903",  # invalid JSON value for CAST
}
_HALT = {
    1044, 1045, 1142, 1143, 1227, 1370, 1410,  # access denied
    1049, 1051, 1054, 1064, 1091, 1109, 1146, 1149, 1176, 1305,  # schema and statement do not fit
    1136,  # column count
    1148, 3948,  # LOAD DATA LOCAL is off
    1193, 1231, 1273,  # system variable or collation
    1726, 1785,  # engine or GTID settings
    3750,  # primary key required
}  # fmt: skip


_ANSWERS = {
    LOCK_NOWAIT: Answer.LOCKED,
    DUPLICATE_KEY: Answer.DUPLICATE,
    DUPLICATE_KEY_WITH_NAME: Answer.DUPLICATE,
    **dict.fromkeys(_RETRY, Answer.RETRY),
    **dict.fromkeys(_RECONNECT, Answer.RECONNECT),
    **dict.fromkeys(_BAD_DATA, Answer.BAD_DATA),
    **dict.fromkeys(_HALT, Answer.HALT),
}


def answer_to(errno: int) -> Answer:
    """What the caller must do about error `errno`."""
    return _ANSWERS.get(errno, Answer.UNKNOWN)


def code_of(errno: int) -> str:
    """The reject code of a bad-data error."""
    return _BAD_DATA[errno]
