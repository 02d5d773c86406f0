"""One page for the night: backlog, lag, rates, rejects, ledger, queue and tasks."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as watch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs

_MINUTE = Duration.minutes(1)


def made_dashboard(stack: Stack, queue: sqs.Queue, workers: ecs.FargateService) -> watch.Dashboard:
    """Searches rather than lists: a stream that comes later is drawn too."""
    of_stream = _Drawn(stack.stack_name)
    return watch.Dashboard(
        stack,
        "Dashboard",
        dashboard_name=stack.stack_name,
        widgets=[
            [
                of_stream("Rows not yet applied", "stream", "migration_backlog_rows", "Maximum"),
                of_stream("Records not yet read", "stream", "migration_source_lag_records", "Maximum"),
                of_stream("Age of the oldest row, s", "stream", "migration_backlog_age_seconds", "Maximum"),
            ],
            [
                of_stream("Rows stored", "stream", "migration_received_total", "Sum"),
                of_stream("Rows by outcome", "outcome,stream", "migration_outcomes_total", "Sum"),
                of_stream("Latency, p99, s", "stream", "migration_latency_seconds", "p99"),
            ],
            [
                of_stream("Rejects by stage", "stage,stream", "migration_rejects_total", "Sum"),
                of_stream("Ledger remainders", "stream", "migration_ledger_remainders", "Maximum"),
                of_stream("Rows not yet audited", "stream", "migration_unaudited_rows", "Maximum"),
            ],
            [
                of_stream("Batch, p99, s", "stage", "migration_batch_seconds", "p99"),
                _queue(queue),
                watch.GraphWidget(
                    title="Workers, %",
                    left=[workers.metric_cpu_utilization(period=_MINUTE)],
                    right=[workers.metric_memory_utilization(period=_MINUTE)],
                    width=8,
                ),
            ],
        ],
    )


class _Drawn:
    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def __call__(self, title: str, dimensions: str, metric: str, statistic: str) -> watch.GraphWidget:
        search = f"SEARCH('{{\"{self._namespace}\",{dimensions}}} MetricName=\"{metric}\"', '{statistic}', 60)"
        found = watch.MathExpression(expression=search, using_metrics={}, label="", period=_MINUTE)
        return watch.GraphWidget(title=title, left=[found], width=8)


def _queue(queue: sqs.Queue) -> watch.GraphWidget:
    return watch.GraphWidget(
        title="Doorbells (an empty queue only informs)",
        left=[
            queue.metric_approximate_number_of_messages_visible(period=_MINUTE),
            queue.metric_approximate_number_of_messages_not_visible(period=_MINUTE),
        ],
        width=8,
    )
