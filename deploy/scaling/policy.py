"""The policy as it is deployed, read from a synthesized template rather than written down again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.scaling.formula import Values, value_of


@dataclass(frozen=True)
class Measured:
    """One metric that the policy looks at, and how a minute of it becomes one number."""

    name: str
    statistic: str


@dataclass(frozen=True)
class Policy:
    """Target tracking of a metric over a number of tasks."""

    metrics: Mapping[str, Measured]
    """By the id that the expression calls them."""
    expression: str
    target: float
    out_cooldown: int
    in_cooldown: int
    least: int
    most: int
    on_demand: int
    """So many tasks are no Spot tasks."""

    def value(self, values: Values) -> float | None:
        """The metric of one minute; None where CloudWatch has no data point."""
        return value_of(self.expression, values)


def deployed_policy(template: Mapping[str, Any], *, least: int) -> Policy:
    """Of the workers. `least` comes from the settings: a template of services that do not run yet has none."""
    resources = list(template["Resources"].values())
    target = _only(resources, "AWS::ApplicationAutoScaling::ScalableTarget")
    policy = _only(resources, "AWS::ApplicationAutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    queries = tracking["CustomizedMetricSpecification"]["Metrics"]
    [expression] = [one["Expression"] for one in queries if one["ReturnData"]]
    return Policy(
        metrics={
            one["Id"]: Measured(one["MetricStat"]["Metric"]["MetricName"], one["MetricStat"]["Stat"])
            for one in queries
            if "MetricStat" in one
        },
        expression=expression,
        target=tracking["TargetValue"],
        out_cooldown=tracking["ScaleOutCooldown"],
        in_cooldown=tracking["ScaleInCooldown"],
        least=least,
        most=target["MaxCapacity"],
        on_demand=_base(resources),
    )


def _only(resources: list[Any], kind: str) -> Mapping[str, Any]:
    [found] = [one["Properties"] for one in resources if one["Type"] == kind]
    return dict(found)


def _base(resources: list[Any]) -> int:
    """Of the one service that has Spot tasks."""
    services = [one["Properties"] for one in resources if one["Type"] == "AWS::ECS::Service"]
    strategies = [one["CapacityProviderStrategy"] for one in services]
    [mixed] = [parts for parts in strategies if any(part["CapacityProvider"] == "FARGATE_SPOT" for part in parts)]
    return sum(int(part.get("Base", 0)) for part in mixed if part["CapacityProvider"] == "FARGATE")
