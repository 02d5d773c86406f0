"""Values of every column type that a mapping can fill: stored, and recognised as what they are."""

import pytest

from db.target import read_target
from db.verify_rows import CheckedTable
from db.writing import TargetWriter
from migration_verifier.verify_compare import Expected, compare
from tests.integration.test_mapping_stored import COLUMNS, stream_of, taken

pytestmark = pytest.mark.servers


def test_what_is_stored_is_equal_by_digest_and_by_value_whatever_its_type(database, target_schema):
    with database.transaction() as session:
        session.execute(f"CREATE DATABASE {target_schema} DEFAULT CHARACTER SET utf8mb4")
        for name, (kind, _) in COLUMNS.items():
            session.execute(
                f"CREATE TABLE {target_schema}.{name} (id BIGINT PRIMARY KEY, v {kind}) "
                "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
            )
        schema = read_target(session, target_schema)
        found = {}

        for name, (_, described) in COLUMNS.items():
            stream = stream_of(schema, name, described)
            effects = list(taken(stream))
            TargetWriter(target_schema, stream).write(session, effects, strict=False)
            checked = CheckedTable.of(target_schema, stream.tables[0], schema.tables[name])
            rows = {effect.key: effect.rows for effect in effects}

            assert list(compare(session, [checked], Expected(rows, {}))) == [], name
            for key, ((row,),) in rows.items():
                if not checked.digests_agree(session, [key], [row]):
                    found.setdefault(name, []).append(row)

    assert found == {}
