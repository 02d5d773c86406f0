"""What `migration check` says of a switch back, without any server."""

from pathlib import Path

from migration_core.finding import Verdict
from migration_verifier.checks.way_back import way_back_findings

ROOT = Path(__file__).parents[2]


def test_a_stream_with_a_column_that_cannot_be_told_is_named_with_the_reason():
    found = {one.check: one for one in way_back_findings(ROOT / "examples/health_devices/migration.yaml")}

    assert found["users"].verdict is Verdict.WARN
    assert found["users"].found == (
        "users.login is made by examples.health_devices.columns:normal_login, which has no inverse"
    )
    assert found["devices"].verdict is Verdict.PASS


def test_a_stream_of_partial_changes_without_a_rest_column_is_named():
    found = [one for one in way_back_findings(ROOT / "examples/flights/migration.yaml") if one.verdict is Verdict.WARN]

    assert any("kept only where the table has a rest column" in one.found for one in found)
