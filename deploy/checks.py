"""Checks on a schedule: a command runs as a task of its own, and an answer other than yes is counted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as watch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from deploy.network import Place
from deploy.tasks import Task


@dataclass(frozen=True)
class Check:
    """One command and when it runs, in EventBridge's words."""

    name: str
    command: Sequence[str]
    schedule: str


class Schedules:
    """Runs checks with the task for commands."""

    def __init__(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        place: Place,
        task: Task,
        log_group: logs.LogGroup,
        *,
        running: bool,
    ) -> None:
        self._stack = stack
        self._log_group = log_group
        self._let_events_write()
        self._cluster = cluster
        self._place = place
        self._task = task
        self._state = "ENABLED" if running else "DISABLED"
        self._role = self._starter()

    def failures(self, check: Check) -> watch.Metric:
        """Schedule the check; the metric counts runs that did not end with exit code 0, each a line in the log."""
        group = f"{self._stack.stack_name}-{check.name.lower()}"
        events.CfnRule(
            self._stack,
            f"{check.name}Schedule",
            description=f"migration {' '.join(check.command)}",
            schedule_expression=check.schedule,
            state=self._state,
            targets=[self._target(check, group)],
        )
        events.CfnRule(
            self._stack,
            f"{check.name}SaidNo",
            description=f"{check.name}: a run that did not end with 0, or never began",
            state=self._state,
            event_pattern={
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [self._cluster.cluster_arn],
                    "group": [group],
                    "lastStatus": ["STOPPED"],
                    "containers": {"exitCode": [{"anything-but": [0]}, {"exists": False}]},
                },
            },
            targets=[events.CfnRule.TargetProperty(id="Lines", arn=self._log_group.log_group_arn)],
        )
        counted = self._log_group.add_metric_filter(
            f"{check.name}Lines",
            filter_pattern=logs.FilterPattern.string_value("$.detail.group", "=", group),
            metric_namespace=f"{self._stack.stack_name}/events",
            metric_name=f"{check.name.lower()}_failed",
        )
        return counted.metric(statistic="Sum", period=Duration.minutes(1))

    def _let_events_write(self) -> None:
        lines = iam.PolicyStatement(
            principals=[
                iam.ServicePrincipal("events.amazonaws.com"),
                iam.ServicePrincipal("delivery.logs.amazonaws.com"),
            ],
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[self._log_group.log_group_arn],
        )
        policy = iam.PolicyDocument(statements=[lines])
        logs.CfnResourcePolicy(
            self._stack,
            "ChecksLogsPolicy",
            policy_name=f"{self._stack.stack_name}-checks",
            policy_document=self._stack.to_json_string(policy),
        )

    def _target(self, check: Check, group: str) -> events.CfnRule.TargetProperty:
        inside = events.CfnRule.AwsVpcConfigurationProperty(
            subnets=[subnet.subnet_id for subnet in self._place.vpc.private_subnets],
            security_groups=[self._task.group.security_group_id],
            assign_public_ip="DISABLED",
        )
        command = ["migration_cli", *check.command]
        return events.CfnRule.TargetProperty(
            id=check.name,
            arn=self._cluster.cluster_arn,
            role_arn=self._role.role_arn,
            ecs_parameters=events.CfnRule.EcsParametersProperty(
                task_definition_arn=self._task.definition.task_definition_arn,
                launch_type="FARGATE",
                group=group,
                network_configuration=events.CfnRule.NetworkConfigurationProperty(aws_vpc_configuration=inside),
            ),
            input=json.dumps({"containerOverrides": [{"name": "main", "command": command}]}),
        )

    def _starter(self) -> iam.Role:
        """May start this one task in this one cluster, and hand it its own two roles."""
        role = iam.Role(self._stack, "CheckStarter", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        definition = self._task.definition
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:RunTask"],
                resources=[definition.task_definition_arn],
                conditions={"ArnEquals": {"ecs:cluster": self._cluster.cluster_arn}},
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[definition.task_role.role_arn, definition.obtain_execution_role().role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        )
        return role
