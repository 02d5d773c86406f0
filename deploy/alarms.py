"""Alarms that call a person, each with the section of the runbook that says what to do."""

from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as watch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs

from deploy.names import camel
from deploy.settings import StackSettings

_MINUTE = Duration.minutes(1)
_OUTCOMES = ("applied", "superseded", "filtered", "parked", "rejected")
_AT_LEAST = watch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW = watch.ComparisonOperator.LESS_THAN_THRESHOLD
_AT_MOST = watch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD


@dataclass(frozen=True)
class _Rule:
    """When a metric means something."""

    name: str
    told: str
    section: str
    threshold: float
    minutes: int
    comparison: watch.ComparisonOperator = _AT_LEAST
    missing: watch.TreatMissingData = watch.TreatMissingData.NOT_BREACHING


class Alarms:
    """All alarms of one stack, and the topic that they speak to."""

    def __init__(self, stack: Stack, settings: StackSettings, key: kms.Key, log_group: logs.LogGroup) -> None:
        self._stack = stack
        self._settings = settings
        self._log_group = log_group
        self.topic = sns.Topic(
            stack, "Calls", display_name=f"{stack.stack_name} calls", master_key=key, enforce_ssl=True
        )
        for mail in settings.alarms.mail:
            self.topic.add_subscription(subscriptions.EmailSubscription(mail))
        self._action = actions.SnsAction(self.topic)

    def of_programs(self, dead: sqs.IQueue) -> None:
        """All but those of scheduled checks."""
        for stream in self._settings.streams:
            self._of_stream(stream)
        self._absences()
        self._events()
        self._alarm(
            dead.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum"),
            _Rule("DeadDoorbells", "a doorbell that nobody could handle", "dead-doorbells", 1, 1),
        )
        self._drained()

    def of_check(self, name: str, failures: watch.IMetric) -> None:
        """A scheduled check that said no, or could not be made."""
        self._alarm(
            failures, _Rule(f"{name}Check", f"the scheduled {name.lower()} check did not pass", name.lower(), 1, 1)
        )

    def of_machine(self, name: str, section: str, machine: str) -> None:
        """An execution that did not end well; also before services run, since the load is what makes them run."""
        ends = {
            end.lower(): watch.Metric(
                namespace="AWS/States",
                metric_name=f"Executions{end}",
                dimensions_map={"StateMachineArn": machine},
                statistic="Sum",
                period=_MINUTE,
            )
            for end in ("Failed", "TimedOut", "Aborted")
        }
        ended = watch.MathExpression(
            expression=" + ".join(f"FILL({end}, 0)" for end in ends), using_metrics=ends, period=_MINUTE, label="ended"
        )
        self._alarm(ended, _Rule(f"{name}Machine", f"the {section} did not end well", section, 1, 1), always=True)

    def _of_stream(self, stream: str) -> None:
        name, limits = camel(stream), self._settings.alarms
        age = self._metric("migration_backlog_age_seconds", stream=stream)
        self._alarm(age, _Rule(f"{name}Lag", f"{stream}: rows wait too long", "lag", limits.lag_seconds, 3))
        # The age of the oldest row grows as fast as the clock only where nothing takes it.
        stalled = watch.MathExpression(
            expression=f"IF(age > {limits.stalled_seconds}, RATE(age), 0) * (1 - FILL(paused, 0))",
            using_metrics={"age": age, "paused": self._metric("migration_paused", stream=stream)},
            period=_MINUTE,
            label="seconds older each second",
        )
        self._alarm(stalled, _Rule(f"{name}StalledLane", f"{stream}: a lane stands still", "stalled-lane", 0.9, 3))
        self._alarm(
            self._rejects(stream),
            _Rule(f"{name}Rejects", f"{stream}: too many rejects", "rejects", limits.rejects_percent, 5),
        )
        self._alarm(
            self._metric("migration_breaker_trips_total", "Sum", stream=stream),
            _Rule(f"{name}Breaker", f"{stream}: rejects paused it", "rejects", 1, 1),
        )
        self._alarm(
            self._metric("migration_ledger_remainders", stream=stream),
            _Rule(f"{name}Remainder", f"{stream}: the ledger does not add up", "ledger-remainder", 1, 1),
        )
        self._alarm(
            self._metric("migration_halted", stream=stream),
            _Rule(f"{name}Gap", f"{stream}: reading stands still before a gap or a change of the topic", "gap", 1, 1),
        )

    def _rejects(self, stream: str) -> watch.MathExpression:
        found = {
            outcome: self._metric("migration_outcomes_total", "Sum", stream=stream, outcome=outcome)
            for outcome in _OUTCOMES
        }
        every = " + ".join(f"FILL({outcome}, 0)" for outcome in _OUTCOMES)
        return watch.MathExpression(
            expression=f"IF({every} > 0, 100 * FILL(rejected, 0) / ({every}), 0)",
            using_metrics=found,
            period=_MINUTE,
            label="percent rejected",
        )

    def _absences(self) -> None:
        """A program that tells nothing is not there; both tell of every stream twice a minute."""
        stream = self._settings.streams[0]
        for program, metric in (("Master", "migration_halted"), ("Verifier", "migration_backlog_rows")):
            self._alarm(
                self._metric(metric, "SampleCount", stream=stream),
                _Rule(
                    f"{program}Absent",
                    f"the {program.lower()} has told nothing for minutes",
                    f"{program.lower()}-absent",
                    1,
                    3,
                    _BELOW,
                    watch.TreatMissingData.BREACHING,
                ),
            )

    def _events(self) -> None:
        """What the programs say once, in a line of their logs."""
        events = {
            "retention_near": _Rule(
                "RetentionNear", "records may be removed from their topic before they are read", "retention", 1, 1
            ),
            "partition_halted": _Rule("PartitionHalted", "a partition was halted; its line says where", "gap", 1, 1),
        }
        for event, rule in events.items():
            counted = self._log_group.add_metric_filter(
                f"{rule.name}Lines",
                filter_pattern=logs.FilterPattern.string_value("$.event", "=", event),
                metric_namespace=f"{self._stack.stack_name}/events",
                metric_name=event,
            )
            self._alarm(counted.metric(statistic="Sum", period=_MINUTE), rule)

    def _drained(self) -> None:
        """Good news: everything read, everything applied, and the ledger proven, for a while."""
        parts = {
            "unread": "migration_source_lag_records",
            "pending": "migration_backlog_rows",
            "unaudited": "migration_unaudited_rows",
            "remainders": "migration_ledger_remainders",
        }
        minutes = self._settings.alarms.drained_minutes
        drained = []
        for stream in self._settings.streams:
            left = watch.MathExpression(
                expression=" + ".join(parts),
                using_metrics={short: self._metric(name, stream=stream) for short, name in parts.items()},
                period=_MINUTE,
                label="left",
            )
            rule = _Rule(f"{camel(stream)}Drained", f"{stream}: nothing is left", "drained", 0, minutes, _AT_MOST)
            drained.append(self._alarm(left, rule, calls=False))
        composite = watch.CompositeAlarm(
            self._stack,
            "MigratedAndDrained",
            composite_alarm_name=f"{self._stack.stack_name}-migrated-and-drained",
            alarm_description=self._told(
                f"lag 0, nothing pending, ledger balanced, on every stream for {minutes} minutes", "drained"
            ),
            alarm_rule=watch.AlarmRule.all_of(
                *(watch.AlarmRule.from_alarm(one, watch.AlarmState.ALARM) for one in drained)
            ),
        )
        composite.add_alarm_action(self._action)

    def _alarm(self, metric: watch.IMetric, rule: _Rule, *, calls: bool = True, always: bool = False) -> watch.Alarm:
        alarm = watch.Alarm(
            self._stack,
            f"{rule.name}Alarm",
            alarm_name=f"{self._stack.stack_name}-{rule.name}",
            alarm_description=self._told(rule.told, rule.section),
            metric=metric,
            threshold=rule.threshold,
            evaluation_periods=rule.minutes,
            comparison_operator=rule.comparison,
            treat_missing_data=rule.missing,
            actions_enabled=always or self._settings.running,  # what is not started yet is not missed
        )
        if calls:
            alarm.add_alarm_action(self._action)
            alarm.add_ok_action(self._action)
        return alarm

    def _told(self, what: str, section: str) -> str:
        return f"{what}. {self._settings.alarms.runbook}#{section}"

    def _metric(self, name: str, statistic: str = "Maximum", **dimensions: str) -> watch.Metric:
        return watch.Metric(
            namespace=self._stack.stack_name,
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=_MINUTE,
        )
