"""The services: how many of each run, on what, and how one version gives way to the next."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ecs as ecs

from deploy.network import Place
from deploy.settings import StackSettings, Workers
from deploy.tasks import Task

_ON_DEMAND = ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=1, weight=1)


def only_one(stack: Stack, cluster: ecs.ICluster, place: Place, task: Task, *, running: bool) -> ecs.FargateService:
    """A service of one task: the old one is gone before the new one begins, and the fence would keep a second out."""
    return ecs.FargateService(
        stack,
        f"{task.name}Service",
        cluster=cluster,
        task_definition=task.definition,
        desired_count=1 if running else 0,
        min_healthy_percent=0,
        max_healthy_percent=100,
        availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,  # it would start a second one first
        capacity_provider_strategies=[_ON_DEMAND],
        circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        security_groups=[task.group],
        vpc_subnets=place.subnets,
        assign_public_ip=False,
        enable_ecs_managed_tags=True,
        propagate_tags=ecs.PropagatedTagSource.SERVICE,
    )


def many(stack: Stack, cluster: ecs.ICluster, place: Place, task: Task, settings: StackSettings) -> ecs.FargateService:
    """Workers: a base that nobody interrupts, the others on Spot, as many as the backlog asks for."""
    workers = settings.workers
    base = ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=workers.on_demand, weight=0)
    service = ecs.FargateService(
        stack,
        f"{task.name}Service",
        cluster=cluster,
        task_definition=task.definition,
        desired_count=workers.least if settings.running else 0,
        min_healthy_percent=50,
        max_healthy_percent=200,
        capacity_provider_strategies=[
            base,
            ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=1),
        ],
        circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
        security_groups=[task.group],
        vpc_subnets=place.subnets,
        assign_public_ip=False,
        enable_ecs_managed_tags=True,
        propagate_tags=ecs.PropagatedTagSource.SERVICE,
    )
    _scaled_by_backlog(stack, cluster, service, workers, running=settings.running)
    return service


def _scaled_by_backlog(
    stack: Stack, cluster: ecs.ICluster, service: ecs.FargateService, workers: Workers, *, running: bool
) -> None:
    held = not running
    target = scaling.CfnScalableTarget(
        stack,
        "WorkerCount",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=f"service/{cluster.cluster_name}/{service.service_name}",
        min_capacity=workers.least if running else 0,
        max_capacity=workers.most,
        suspended_state=scaling.CfnScalableTarget.SuspendedStateProperty(
            dynamic_scaling_in_suspended=held, dynamic_scaling_out_suspended=held, scheduled_scaling_suspended=held
        ),
    )
    scaling.CfnScalingPolicy(
        stack,
        "WorkersByBacklog",
        policy_name=f"{stack.stack_name}-workers-by-backlog",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=1,
            # Until the tasks that it has added are counted in the metric, they must not be asked for again.
            scale_out_cooldown=int(Duration.minutes(4).to_seconds()),
            scale_in_cooldown=int(Duration.minutes(5).to_seconds()),
            customized_metric_specification=scaling.CfnScalingPolicy.CustomizedMetricSpecificationProperty(
                metrics=_load_per_task(stack.stack_name, cluster.cluster_name, service.service_name, workers)
            ),
        ),
    )


def _load_per_task(
    namespace: str, cluster: str, service: str, workers: Workers
) -> list[scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty]:
    """Tasks that the work needs over tasks that are wanted; rows are the verifier's count in MySQL.

    Rows that arrive count beside those that wait: where workers keep up nothing waits, and they are needed even so.
    The count is that of wanted tasks, since scaling multiplies that one: tasks that start or lack Spot capacity do not
    make the load look larger. docs/scaling.md shows both, and what became of other policies.
    """
    waiting = _metric(namespace, "migration_waiting_rows", "Maximum", stage="apply")
    arrived = _metric(namespace, "migration_arrived_rows_total", "Sum", stage="apply")
    tasks = _metric("ECS/ContainerInsights", "DesiredTaskCount", "Average", ClusterName=cluster, ServiceName=service)
    a_minute = workers.rows_per_second * 60
    needed = f"waiting / {workers.rows_per_task} + FILL(arrived, 0) / {a_minute}"  # a count that stands is not told
    query = scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty
    return [
        query(id="waiting", metric_stat=waiting, return_data=False),
        query(id="arrived", metric_stat=arrived, return_data=False),
        query(id="tasks", metric_stat=tasks, return_data=False),
        query(id="per_task", expression=f"({needed}) / tasks", return_data=True),
    ]


def _metric(
    namespace: str, name: str, statistic: str, **dimensions: str
) -> scaling.CfnScalingPolicy.TargetTrackingMetricStatProperty:
    policy = scaling.CfnScalingPolicy
    return policy.TargetTrackingMetricStatProperty(
        stat=statistic,
        metric=policy.TargetTrackingMetricProperty(
            namespace=namespace,
            metric_name=name,
            dimensions=[
                policy.TargetTrackingMetricDimensionProperty(name=key, value=value) for key, value in dimensions.items()
            ],
        ),
    )
