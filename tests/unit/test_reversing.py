"""Rows of the processed tables, read back in legacy words."""

import pytest

from migration_core.mapping.model import StreamModel
from migration_core.reversing import reversal_of

STREAM = {
    "topic": ["users"],
    "key": [{"path": "$.userID"}],
    "tables": {
        "users": {
            "key": ["id"],
            "columns": {
                "id": {"path": "$.userID"},
                "name": {"path": "$.profile.name"},
                "verified": {"path": "$.verified", "type": "bool"},
                "created_s": {"path": "$.createdS", "type": "epoch_s"},
                "created_ms": {"path": "$.createdMs", "type": "epoch_ms"},
                "created_us": {"path": "$.createdUs", "type": "epoch_us"},
                "modified": {"path": "$.modified", "type": "iso8601"},
                "hash": {"path": "$.hash", "type": "bytes"},
                "mac": {"path": "$.mac", "type": "bytes", "encoding": "hex"},
                "status": {"path": "$.status", "type": "enum", "values": {"A": "active", "G": "gone"}},
                "kind": {"path": "$.kind", "type": "enum", "values": {"x": "same", "y": "same"}},
                "login": {"path": "$.login", "using": "app.columns:lower"},
                "origin": {"constant": "legacy"},
                "sequence": {"source": "sequence"},
            },
            "rest": "attributes",
        },
        "consents": {
            "each": "$.consents[*]",
            "key": ["user_id", "purpose"],
            "columns": {"user_id": {"path": "$^.userID"}, "purpose": {"path": "$.purpose"}},
        },
    },
}
ROW = {
    "id": "u1", "name": "Ada", "verified": 1, "created_s": "2020-01-02 03:04:05",
    "created_ms": "1969-12-31 23:59:59.999000", "created_us": "2020-01-02 03:04:05.000007",
    "modified": "2020-01-02 03:04:05.250000", "hash": "00ff", "mac": "0a0b", "status": "gone", "kind": "same",
    "login": "ada", "origin": "legacy", "sequence": 7, "attributes": {"profile": {"age": 36}, "x": 1},
}  # fmt: skip


@pytest.fixture
def reversal():
    entity = {"users": ("id",), "consents": ("user_id",)}
    return reversal_of("users", StreamModel.model_validate(STREAM), entity)


def test_every_type_returns_as_the_old_platform_wrote_it(reversal):
    assert reversal.tables["users"].document(ROW) == {
        "userID": "u1",
        "profile": {"name": "Ada", "age": 36},
        "verified": True,
        "createdS": 1577934245,
        "createdMs": -1,
        "createdUs": 1577934245000007,
        "modified": "2020-01-02T03:04:05.250000Z",
        "hash": "AP8=",
        "mac": "0a0b",
        "status": "G",
        "x": 1,
    }


def test_a_column_without_an_inverse_is_named_and_never_guessed(reversal):
    lost = reversal.tables["users"].lost

    assert set(lost) == {"kind", "login"}
    assert "app.columns:lower, which has no inverse" in lost["login"]


def test_null_returns_as_null(reversal):
    row = dict.fromkeys(ROW) | {"id": "u1"}

    assert reversal.tables["users"].document(row)["createdMs"] is None


def test_a_child_row_is_an_element_of_its_list_under_the_id_of_its_document(reversal):
    child = reversal.tables["consents"]

    assert child.element_of == "$.consents"
    assert child.key({"user_id": "u1", "purpose": "mail"}) == ["u1"]
    assert child.document({"user_id": "u1", "purpose": "mail"}) == {"purpose": "mail"}


def test_a_stream_of_partial_changes_says_what_it_cannot_tell():
    partial = {**STREAM, "changes": "partial", "tables": {"consents": STREAM["tables"]["consents"]}}

    found = reversal_of("users", StreamModel.model_validate(partial), {"consents": ("user_id",)})

    assert any("rest column" in one for one in found.lost)
