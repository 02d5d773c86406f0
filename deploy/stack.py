"""One tenant or region: everything that it needs, put together."""

from aws_cdk import BootstraplessSynthesizer, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from deploy import variables
from deploy.acknowledged import acknowledge
from deploy.alarms import Alarms, camel
from deploy.checks import Check, Schedules
from deploy.dashboard import made_dashboard
from deploy.database import known_secret, made_database
from deploy.key import made_key
from deploy.network import Place, allow_cidrs
from deploy.queue import made_queue
from deploy.services import many, only_one
from deploy.settings import StackSettings
from deploy.snapshot_store import made_snapshot_store
from deploy.tasks import Task, Tasks

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


class MigrationStack(Stack):
    """Deployed with `aws cloudformation deploy`: it needs no bootstrap, no assets and no account to be made."""

    def __init__(self, scope: Construct, settings: StackSettings) -> None:
        super().__init__(
            scope,
            settings.name,
            stack_name=settings.name,
            env=Environment(region=settings.region),
            synthesizer=BootstraplessSynthesizer(),
            description="Near-real-time data sync, Kafka to MySQL",
            analytics_reporting=False,
        )
        self._settings = settings
        self._key = made_key(self)
        self._log_group = self._logs("programs")
        self._place = Place(self, settings.network, self._logs)
        self._cluster = self._known_or_new_cluster()
        self._queue = made_queue(self, self._key)
        self._server = made_database(self, self._place, settings.database, self._key)
        self._store = made_snapshot_store(self, self._place, self._key, settings.efs_throughput)
        self._tasks = Tasks(self, settings, self._place, self._log_group)
        self._kafka = variables.kafka(settings.kafka, self._kafka_secret())
        self._brokers = (
            self._place.known_group("Kafka", settings.kafka.security_group) if settings.kafka.security_group else None
        )
        self._alarms = Alarms(self, settings, self._key, self._log_group)
        self._services()
        self._checks(self._jobs())
        self._statistics()
        acknowledge(self)

    def _services(self) -> None:
        running = self._settings.running
        output = variables.output(self.stack_name)
        database, queue, mapping = self._database(), self._doorbells(), variables.mapping(self._settings)
        master = self._tasks.service("Master", ["migration_master"], database | self._kafka | queue | mapping | output)
        worker = self._tasks.service("Worker", ["migration_worker"], database | queue | mapping | output)
        verifier = self._tasks.service(
            "Verifier", ["migration_verifier"], database | variables.auditing(self._settings) | output
        )
        for task in (master, worker, verifier):
            self._server.open_to(task.group)
        self._open_kafka(master)
        self._may_ring(master)
        master.may(self._queue.queue_arn, "sqs:GetQueueAttributes")
        worker.may(
            self._queue.queue_arn,
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
        )
        worker.may(self._key.key_arn, "kms:Decrypt")
        only_one(self, self._cluster, self._place, master, running=running)
        only_one(self, self._cluster, self._place, verifier, running=running)
        workers = many(self, self._cluster, self._place, worker, self._settings)
        dead = self._queue.dead_letter_queue
        assert dead is not None  # noqa: S101 - the queue is made with one
        self._alarms.of_programs(dead.queue)
        made_dashboard(self, self._queue, workers)

    def _checks(self, command: Task) -> None:
        settings = self._settings
        self._lines = self._logs("checks", f"/aws/events/{self.stack_name}/checks")
        schedules = Schedules(self, self._cluster, self._place, command, self._lines, running=settings.running)
        schedules.let_events_write()
        for check in (
            Check("Drift", ["drift"], settings.checks.drift),
            Check("Verify", ["verify", "--since-last"], settings.checks.verify),
        ):
            self._alarms.of_check(check.name, schedules.failures(check))

    def _statistics(self) -> None:
        """Each on its own schedule, with a task whose user may rename their tables and do nothing else of a schema."""
        settings = self._settings
        if not settings.statistics:
            return
        access = variables.database(self._server, settings.database.ca, self._server.statistics_secret)
        command = ["migration_cli", "statistics", "list"]
        task = self._tasks.job("Statistics", command, access | variables.mapping(settings))
        self._server.open_to(task.group)
        CfnOutput(self, "StatisticsSecurityGroup", value=task.group.security_group_id)
        schedules = Schedules(
            self,
            self._cluster,
            self._place,
            task,
            self._lines,
            running=settings.running,
            starter="StatisticStarter",
        )
        for name, schedule in settings.statistics.items():
            run = Check(f"{camel(name)}Count", ["statistics", "run", name], schedule)
            self._alarms.of_statistic(name, schedules.failures(run))

    def _jobs(self) -> Task:
        """Those that end; the one for commands serves checks too."""
        output, mapping = variables.output(self.stack_name), variables.mapping(self._settings)
        schema_access = variables.database(self._server, self._settings.database.ca, self._server.schema_secret)
        schema = self._tasks.job("Schema", ["migration_cli", "schema", "upgrade", "--create"], schema_access | mapping)
        loader = self._tasks.job(
            "Loader",
            ["snapshot_loader"],
            self._database() | self._doorbells() | mapping | variables.snapshot() | output,
        )
        # For `migration check`, `snapshot adopt`, `verify`, `cutover` …: its command is given when it is started.
        command = self._tasks.job(
            "Command",
            ["migration_cli", "check"],
            self._database() | self._kafka | self._doorbells() | mapping | variables.snapshot(),
        )
        for task in (schema, loader, command):
            self._server.open_to(task.group)
            CfnOutput(self, f"{task.name}SecurityGroup", value=task.group.security_group_id)
        for task, read_only in ((loader, True), (command, False)):
            self._store.mount(task.definition, task.container, read_only=read_only)
            self._store.open_to(task.group)
        self._may_ring(loader)
        self._open_kafka(command)
        self._may_ring(command)  # a reload rings for what it loads
        command.may(self._queue.queue_arn, "sqs:GetQueueAttributes")
        dead = self._queue.dead_letter_queue
        assert dead is not None  # noqa: S101 - the queue is made with one
        command.may(dead.queue.queue_arn, "sqs:GetQueueAttributes")
        CfnOutput(self, "ClusterName", value=self._cluster.cluster_name)
        CfnOutput(self, "Subnets", value=",".join(one.subnet_id for one in self._place.vpc.private_subnets))
        CfnOutput(self, "SnapshotFiles", value=self._store.files.file_system_id)
        return command

    def _database(self) -> variables.Told:
        return variables.database(self._server, self._settings.database.ca, self._server.secret)

    def _doorbells(self) -> variables.Told:
        return variables.queue(self._queue, self._settings.region)

    def _may_ring(self, task: Task) -> None:
        task.may(self._queue.queue_arn, "sqs:SendMessage")
        task.may(self._key.key_arn, "kms:GenerateDataKey", "kms:Decrypt")

    def _open_kafka(self, task: Task) -> None:
        kafka = self._settings.kafka
        if self._brokers is not None:
            for port in kafka.ports:
                task.group.connections.allow_to(self._brokers, ec2.Port.tcp(port), "Kafka")
        allow_cidrs(task.group, kafka.cidrs, kafka.ports, "Kafka")

    def _kafka_secret(self) -> secrets.ISecret | None:
        kafka = self._settings.kafka
        encrypted_by = kms.Key.from_key_arn(self, "KafkaSecretKey", kafka.key) if kafka.key else None
        return known_secret(self, "KafkaSecret", kafka.secret, encrypted_by)

    def _known_or_new_cluster(self) -> ecs.ICluster:
        if self._settings.cluster is not None:
            return ecs.Cluster.from_cluster_attributes(
                self, "Cluster", cluster_name=self._settings.cluster, vpc=self._place.vpc
            )
        return ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.stack_name,
            vpc=self._place.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,  # its count of running tasks divides the backlog
            enable_fargate_capacity_providers=True,
        )

    def _logs(self, name: str, full_name: str | None = None) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            f"{name.capitalize()}Logs",
            log_group_name=full_name or f"/{self.stack_name}/{name}",
            retention=_RETENTION[self._settings.log_days],
            encryption_key=self._key,
            removal_policy=RemovalPolicy.RETAIN,
        )
