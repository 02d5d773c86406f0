"""The legacy platform's topics: who reaches their brokers, and who may read them."""

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from deploy import variables
from deploy.database import known_secret
from deploy.legacy_settings import Kafka
from deploy.network import Place, allow_cidrs
from deploy.tasks import Task

_READ = ("kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData")


class Brokers:
    """Those of an MSK cluster, or of any other one."""

    def __init__(self, stack: Stack, place: Place, kafka: Kafka) -> None:
        self._kafka = kafka
        encrypted_by = kms.Key.from_key_arn(stack, "KafkaSecretKey", kafka.key) if kafka.key else None
        self.told = variables.kafka(kafka, known_secret(stack, "KafkaSecret", kafka.secret, encrypted_by))
        self._group = place.known_group("Kafka", kafka.security_group) if kafka.security_group else None

    def open_to(self, task: Task) -> None:
        """Let one kind of task read: none writes, and none joins a group."""
        if self._group is not None:
            for port in self._kafka.ports:
                task.group.connections.allow_to(self._group, ec2.Port.tcp(port), "Kafka")
        allow_cidrs(task.group, self._kafka.cidrs, self._kafka.ports, "Kafka")
        if self._kafka.cluster is not None:
            task.may(self._kafka.cluster, "kafka-cluster:Connect")
            for topics in self._kafka.topics:
                _may_read(task, f"{self._kafka.cluster.replace(':cluster/', ':topic/')}/{topics}")


def _may_read(task: Task, topics: str) -> None:
    task.may(topics, *_READ)
    if topics.endswith("*"):
        Validations.of(task.definition.task_role).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions-IAM5[Resource::{topics}]",
                reason="the settings name topics by how they begin; reading is all that is allowed",
            )
        )
