"""State machines: each with rights of its own, logs, traces, and a call when it does not end well."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Aws, CfnOutput, Stack, Validations
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as functions
from aws_cdk.region_info import RegionInfo

from deploy.flow import State, Where
from deploy.network import Place
from deploy.tasks import Task

_TO_LOG = [
    "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
]  # fmt: skip
_TO_TRACE = [
    "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
]  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """One of them, and the role that it works with."""

    name: str
    arn: str
    role: iam.Role


class Machines:
    """Makes them."""

    def __init__(
        self,
        stack: Stack,
        cluster: ecs.ICluster,
        place: Place,
        key: kms.Key,
        log_group: logs.LogGroup,
        topic: sns.ITopic,
    ) -> None:
        self._stack = stack
        self._cluster = cluster
        self._place = place
        self._key = key
        self._log_group = log_group
        self._topic = topic
        # By its name and not by a token, so that cfn-lint can read the resources of states.
        partition = RegionInfo.get(stack.region).partition or "aws"
        self.place = Where(partition, len(place.vpc.private_subnets))
        """As definitions name it."""

    def made(
        self, name: str, definition: State, tasks: Sequence[Task], services: Mapping[str, ecs.FargateService]
    ) -> Machine:
        """A machine that may run exactly these tasks and set how many of these services run."""
        full_name = f"{self._stack.stack_name}-{name.lower()}"
        role = iam.Role(self._stack, f"{name}Machine", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        self._may_run(role, tasks)
        if services:
            self._may_scale(role, list(services.values()))
        text = json.dumps(definition, ensure_ascii=False)
        if "${Topic}" in text:
            self._may_tell(role)
        encrypting = self._may_encrypt(role, full_name)
        self._may_log(role)
        machine = functions.CfnStateMachine(
            self._stack,
            f"{name}Steps",
            state_machine_name=full_name,
            state_machine_type="STANDARD",
            role_arn=role.role_arn,
            definition_string=text,
            definition_substitutions=self._meant(text, tasks, services),
            tracing_configuration=functions.CfnStateMachine.TracingConfigurationProperty(enabled=True),
            logging_configuration=self._logging(),
            encryption_configuration=encrypting,
        )
        machine.node.add_dependency(
            role.node.find_child("DefaultPolicy")
        )  # creating it asks whether the role may log and encrypt
        CfnOutput(self._stack, f"{name}MachineArn", value=machine.attr_arn)
        return Machine(name, machine.attr_arn, role)

    def _meant(self, text: str, tasks: Sequence[Task], services: Mapping[str, ecs.FargateService]) -> dict[str, str]:
        known = {
            "Cluster": self._cluster.cluster_arn,
            "ClusterName": self._cluster.cluster_name,
            "Topic": self._topic.topic_arn,
        }
        known |= {f"Subnet{number}": one.subnet_id for number, one in enumerate(self._place.vpc.private_subnets)}
        known |= {f"{task.name}Task": task.definition.task_definition_arn for task in tasks}
        known |= {f"{task.name}Group": task.group.security_group_id for task in tasks}
        known |= {f"{name}Service": service.service_name for name, service in services.items()}
        return {name: known[name] for name in sorted(set(re.findall(r"\$\{(\w+)\}", text)))}

    def _may_run(self, role: iam.Role, tasks: Sequence[Task]) -> None:
        here = {"ArnEquals": {"ecs:cluster": self._cluster.cluster_arn}}
        running = f"arn:{Aws.PARTITION}:ecs:{self._stack.region}:{Aws.ACCOUNT_ID}:task/{self._cluster.cluster_name}/*"
        definitions = [task.definition for task in tasks]
        roles = [one.role_arn for each in definitions for one in (each.task_role, each.obtain_execution_role())]
        rule = f"arn:{Aws.PARTITION}:events:{self._stack.region}:{Aws.ACCOUNT_ID}:rule"
        for actions, resources, conditions in (
            (["ecs:RunTask"], [one.task_definition_arn for one in definitions], here),
            (["ecs:DescribeTasks", "ecs:StopTask"], [running], here),
            (["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
            # `.sync` hears of the end of a task by this rule, which Step Functions makes itself.
            (
                ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                [f"{rule}/StepFunctionsGetEventsForECSTaskRule"],
                None,
            ),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions))
        self._acknowledge(role, running, "tasks have numbers that ECS gives them; the cluster is named")

    def _may_scale(self, role: iam.Role, services: Sequence[ecs.FargateService]) -> None:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:DescribeServices", "ecs:UpdateService"], resources=[one.service_arn for one in services]
            )
        )
        place = f"{self._stack.region}:{Aws.ACCOUNT_ID}"
        targets = f"arn:{Aws.PARTITION}:application-autoscaling:{place}:scalable-target/*"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["application-autoscaling:RegisterScalableTarget"],
                resources=[targets],
                conditions={
                    "StringEquals": {
                        "application-autoscaling:service-namespace": "ecs",
                        "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
                    }
                },
            )
        )

        self._acknowledge(
            role, targets, "targets have numbers that the service gives them; the conditions name their kind"
        )

    def _may_encrypt(self, role: iam.Role, full_name: str) -> functions.CfnStateMachine.EncryptionConfigurationProperty:
        place = f"{self._stack.region}:{Aws.ACCOUNT_ID}"
        machine = f"arn:{Aws.PARTITION}:states:{place}:stateMachine:{full_name}"
        for actions, name, value in (
            (["kms:Decrypt", "kms:GenerateDataKey"], "aws:states:stateMachineArn", machine),
            (["kms:GenerateDataKey"], "SourceArn", f"arn:{Aws.PARTITION}:logs:{place}:*"),
        ):
            self._may_use_key(role, actions, name, value)
        return functions.CfnStateMachine.EncryptionConfigurationProperty(
            type="CUSTOMER_MANAGED_KMS_KEY", kms_key_id=self._key.key_arn, kms_data_key_reuse_period_seconds=300
        )

    def _may_tell(self, role: iam.Role) -> None:
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=[self._topic.topic_arn]))
        self._may_use_key(role, ["kms:Decrypt", "kms:GenerateDataKey"], "aws:sns:topicArn", self._topic.topic_arn)

    def _may_use_key(self, role: iam.Role, actions: list[str], name: str, value: str) -> None:
        """For what the key's service says that it encrypts."""
        only = {"StringEquals": {f"kms:EncryptionContext:{name}": value}}
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[self._key.key_arn], conditions=only))

    def _may_log(self, role: iam.Role) -> None:
        role.add_to_policy(iam.PolicyStatement(actions=[*_TO_LOG, *_TO_TRACE], resources=["*"]))
        self._acknowledge(role, "*", "deliveries of logs and traces know no resource")

    def _acknowledge(self, role: iam.Role, resource: str, reason: str) -> None:
        """For one resource, which cdk-nag names with `<…>` for what only the account knows."""
        resolved = self._stack.resolve(resource)
        parts = resolved["Fn::Join"][1] if isinstance(resolved, dict) else [resolved]
        named = "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
        Validations.of(role).acknowledge(Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{named}]", reason=reason))

    def _logging(self) -> functions.CfnStateMachine.LoggingConfigurationProperty:
        group = functions.CfnStateMachine.CloudWatchLogsLogGroupProperty(log_group_arn=self._log_group.log_group_arn)
        return functions.CfnStateMachine.LoggingConfigurationProperty(
            level="ALL",
            include_execution_data=False,  # an approval's token would be in it
            destinations=[functions.CfnStateMachine.LogDestinationProperty(cloud_watch_logs_log_group=group)],
        )
