"""Task definitions: what every container of this app has in common, and what each kind adds."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Aws, Duration, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from deploy.names import HEALTH, SCRATCH, STOP_SECONDS, UID
from deploy.network import Place
from deploy.settings import StackSettings
from deploy.variables import Told

_SCRATCH_VOLUME = "scratch"


@dataclass(frozen=True)
class Task:
    """One kind of task with the flows that it may open."""

    name: str
    definition: ecs.FargateTaskDefinition
    container: ecs.ContainerDefinition
    group: ec2.SecurityGroup

    def may(self, resource: str, *actions: str) -> None:
        """Grant the program exactly these actions on one resource."""
        self.definition.add_to_task_role_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))


class Tasks:
    """Makes them."""

    def __init__(self, stack: Stack, settings: StackSettings, place: Place, log_group: logs.ILogGroup) -> None:
        self._stack = stack
        self._settings = settings
        self._place = place
        self._log_group = log_group

    def service(self, name: str, command: Sequence[str], told: Told) -> Task:
        """A task that stays, and answers for its health."""
        health = ecs.HealthCheck(
            command=["CMD", *HEALTH],
            interval=Duration.seconds(10),
            timeout=Duration.seconds(3),
            retries=3,
            start_period=Duration.seconds(30),
        )
        return self._task(name, command, told, health)

    def job(self, name: str, command: Sequence[str], told: Told) -> Task:
        """A task that ends; its exit code is its answer."""
        return self._task(name, command, told, None)

    def _task(self, name: str, command: Sequence[str], told: Told, health: ecs.HealthCheck | None) -> Task:
        definition = self._definition(name)
        linux = ecs.LinuxParameters(self._stack, f"{name}Linux", init_process_enabled=True)
        linux.drop_capabilities(ecs.Capability.ALL)
        container = definition.add_container(
            "main",
            container_name="main",
            image=ecs.ContainerImage.from_registry(self._settings.image),
            command=list(command),  # the image's entry point is `python -m`
            environment=dict(told.plain),
            secrets=dict(told.secret),
            user=f"{UID}:{UID}",
            readonly_root_filesystem=True,
            privileged=False,
            stop_timeout=Duration.seconds(STOP_SECONDS),
            health_check=health,
            linux_parameters=linux,
            logging=ecs.LogDrivers.aws_logs(stream_prefix=name.lower(), log_group=self._log_group),
        )
        definition.add_volume(name=_SCRATCH_VOLUME)
        container.add_mount_points(
            ecs.MountPoint(container_path=SCRATCH, source_volume=_SCRATCH_VOLUME, read_only=False)
        )
        return Task(name, definition, container, self._place.task_group(name))

    def _definition(self, name: str) -> ecs.FargateTaskDefinition:
        architecture = (
            ecs.CpuArchitecture.ARM64 if self._settings.architecture == "arm64" else ecs.CpuArchitecture.X86_64
        )
        definition = ecs.FargateTaskDefinition(
            self._stack,
            f"{name}Task",
            family=f"{self._stack.stack_name}-{name.lower()}",
            cpu=self._settings.task.cpu,
            memory_limit_mib=self._settings.task.memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=architecture, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        if self._settings.ecr is not None:
            _may_pull(definition, *self._settings.ecr)
        return definition


def _may_pull(definition: ecs.FargateTaskDefinition, account: str, region: str, repository: str) -> None:
    definition.add_to_execution_role_policy(
        iam.PolicyStatement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[f"arn:{Aws.PARTITION}:ecr:{region}:{account}:repository/{repository}"],
        )
    )
    definition.add_to_execution_role_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
    Validations.of(definition.obtain_execution_role()).acknowledge(
        Acknowledgment(
            id="AwsSolutions-IAM5[Resource::*]",
            reason="ecr:GetAuthorizationToken is for the whole registry: the action knows no resource",
        )
    )
