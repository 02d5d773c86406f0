"""Metrics in both forms: the names are stable, and CloudWatch gets differences."""

import json
import re
from types import SimpleNamespace

from migration_verifier.observed import Observed
from runtime.emf import Emf
from runtime.metrics import Metrics


def emitted(emf: Emf) -> list[dict]:
    return [json.loads(line) for line in emf.lines(now_ms=1_700_000_000_000)]


def test_every_name_begins_with_migration_and_no_label_can_be_a_key():
    metrics = Metrics()

    for metric in metrics.registry.collect():
        assert metric.name.startswith("migration_")
        assert re.fullmatch(r"[a-z_]+", metric.name)
    declared = {name for metric in vars(metrics).values() for name in getattr(metric, "_labelnames", ())}
    assert declared <= {"stream", "stage", "outcome"}


def test_counters_are_rendered_with_their_labels():
    metrics = Metrics()
    metrics.outcomes.labels(stream="users", outcome="applied").inc(3)

    assert b'migration_outcomes_total{outcome="applied",stream="users"} 3.0' in metrics.render()


def test_a_queues_own_counts_are_shown_when_asked_for():
    counts = {"request_send": 2, "rung": 11}
    metrics = Metrics()
    metrics.watch_queue(lambda: counts)
    counts["rung"] = 12

    assert b'migration_sqs_requests_total{stage="send"} 2.0' in metrics.render()
    assert b'migration_doorbells_total{outcome="rung"} 12.0' in metrics.render()


def test_emf_tells_what_a_counter_grew_by_and_is_silent_when_it_did_not():
    metrics = Metrics()
    emf = Emf(metrics.registry, "migration")
    counter = metrics.received.labels(stream="users")

    counter.inc(5)
    first = emitted(emf)
    counter.inc(2)
    second = emitted(emf)
    third = emitted(emf)

    assert [line["migration_received_total"] for line in first + second] == [5, 2]
    assert third == []
    assert first[0]["stream"] == "users"
    directive = first[0]["_aws"]["CloudWatchMetrics"][0]
    assert directive["Dimensions"] == [["stream"]]
    assert directive["Metrics"] == [{"Name": "migration_received_total", "Unit": "Count"}]


def test_emf_gives_gauges_as_they_are():
    metrics = Metrics()
    metrics.backlog_age.labels(stream="users").set(4.5)

    [line] = emitted(Emf(metrics.registry, "migration"))

    assert line["migration_backlog_age_seconds"] == 4.5
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Seconds"


def test_emf_gives_histograms_as_values_with_counts_each_observation_once():
    metrics = Metrics()
    emf = Emf(metrics.registry, "migration")
    latency = metrics.latency.labels(stream="users")

    for seconds in (0.004, 0.012, 0.013, 9999):
        latency.observe(seconds)
    [first] = emitted(emf)
    latency.observe(0.012)
    [second] = emitted(emf)

    assert first["migration_latency_seconds"] == {"Values": [0.005, 0.015, 300], "Counts": [1, 2, 1]}
    assert second["migration_latency_seconds"] == {"Values": [0.015], "Counts": [1]}


def test_every_tenant_of_an_account_has_a_namespace_of_its_own():
    metrics = Metrics()
    metrics.parked.labels(stream="users").set(1)

    namespaces = [emitted(Emf(metrics.registry, name))[0]["_aws"]["CloudWatchMetrics"] for name in ("north", "south")]

    assert [directive[0]["Namespace"] for directive in namespaces] == ["north", "south"]


def seen(stream, *, received=0, pending=0, state="running", stream_open=True, lanes_with_work=0):
    return SimpleNamespace(
        stream=stream,
        state=state,
        received=received,
        pending=pending,
        stream_open=stream_open,
        lanes_with_work=lanes_with_work,
        oldest_time=None,
        parked=0,
    )


def test_rows_of_a_held_stream_do_not_call_for_more_workers():
    metrics = Metrics()

    streams = [seen("users", pending=7), seen("devices", pending=5), seen("alarms", pending=900, state="paused")]
    Observed(metrics).streams(streams, now_ms=0)

    assert b'migration_waiting_rows{stage="apply"} 12.0' in metrics.render()


def test_rows_behind_a_snapshot_that_is_not_loaded_call_for_no_workers_until_some_of_it_is():
    metrics = Metrics()
    observed = Observed(metrics)

    observed.streams([seen("users", pending=900, stream_open=False)], now_ms=0)
    assert b'migration_waiting_rows{stage="apply"} 0.0' in metrics.render()

    observed.streams([seen("users", pending=900, stream_open=False, lanes_with_work=3)], now_ms=0)
    assert b'migration_waiting_rows{stage="apply"} 900.0' in metrics.render()


def test_rows_count_as_arrived_from_the_first_look_on_and_never_for_a_stream_that_is_held():
    metrics = Metrics()
    observed = Observed(metrics)

    observed.streams([seen("users", received=1000), seen("alarms", received=50, state="paused")], now_ms=0)
    assert b'migration_arrived_rows_total{stage="apply"} 0.0' in metrics.render()
    observed.streams([seen("users", received=1007), seen("alarms", received=90, state="paused")], now_ms=0)
    assert b'migration_arrived_rows_total{stage="apply"} 7.0' in metrics.render()
    # What came while it was held waits, and is counted there.
    observed.streams([seen("users", received=1007), seen("alarms", received=95)], now_ms=0)
    assert b'migration_arrived_rows_total{stage="apply"} 12.0' in metrics.render()
