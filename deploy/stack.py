"""One tenant or region: everything that it needs, put together."""

from aws_cdk import BootstraplessSynthesizer, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy import variables
from deploy.acknowledged import acknowledge
from deploy.alarms import Alarms
from deploy.brokers import Brokers
from deploy.checks import Check, Schedules
from deploy.cutover_machine import cutover_machine
from deploy.dashboard import made_dashboard
from deploy.database import known_secret, made_database
from deploy.fetching import fetch_task
from deploy.key import made_key
from deploy.load_machine import load_machine
from deploy.machines import Machines
from deploy.network import Place
from deploy.queue import made_queue
from deploy.services import many, only_one
from deploy.settings import StackSettings
from deploy.snapshot_store import made_snapshot_store
from deploy.statistics import schedule_statistics
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
        self._brokers = Brokers(self, self._place, settings.kafka)
        self._alarms = Alarms(self, settings, self._key, self._log_group)
        services = self._services()
        jobs = self._jobs()
        self._checks(jobs["Command"])
        self._machines(jobs, services)
        acknowledge(self)

    def _services(self) -> dict[str, ecs.FargateService]:
        running = self._settings.running
        output = variables.output(self.stack_name)
        database, queue, mapping = self._database(), self._doorbells(), variables.mapping(self._settings)
        master = self._tasks.service(
            "Master", ["migration_master"], database | self._brokers.told | queue | mapping | output
        )
        worker = self._tasks.service("Worker", ["migration_worker"], database | queue | mapping | output)
        verifier = self._tasks.service(
            "Verifier", ["migration_verifier"], database | variables.auditing(self._settings) | output
        )
        for task in (master, worker, verifier):
            self._server.open_to(task.group)
        self._brokers.open_to(master)
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
        services = {
            one.name: only_one(self, self._cluster, self._place, one, running=running) for one in (master, verifier)
        }
        workers = many(self, self._cluster, self._place, worker, self._settings)
        dead = self._queue.dead_letter_queue
        assert dead is not None  # noqa: S101 - the queue is made with one
        self._alarms.of_programs(dead.queue)
        made_dashboard(self, self._queue, workers)
        return services | {worker.name: workers}

    def _machines(self, jobs: dict[str, Task], services: dict[str, ecs.FargateService]) -> None:
        settings = self._settings
        machines = Machines(self, self._cluster, self._place, self._key, self._logs("machines"), self._alarms.topic)
        load = load_machine(settings, machines.place)
        made = machines.made("Load", load, list(jobs.values()), services)
        self._alarms.of_machine(made.name, "load", made.arn)
        if settings.cutover is not None:
            night = cutover_machine(settings.cutover, machines.place)
            made = machines.made("Cutover", night, [jobs["Command"]], {})
            self._alarms.of_machine(made.name, "cut-over", made.arn)
        if settings.statistics:
            schedule_statistics(self, settings, machines, self._statistics_task(), self._alarms)

    def _checks(self, command: Task) -> None:
        settings = self._settings
        log_group = self._logs("checks", f"/aws/events/{self.stack_name}/checks")
        schedules = Schedules(self, self._cluster, self._place, command, log_group, running=settings.running)
        for check in (
            Check("Drift", ["drift"], settings.checks.drift),
            Check("Verify", ["verify", "--since-last"], settings.checks.verify),
        ):
            self._alarms.of_check(check.name, schedules.failures(check))

    def _statistics_task(self) -> Task:
        """Its user may rename the tables of statistics and do nothing else of a schema."""
        access = variables.database(self._server, self._settings.database.ca, self._server.statistics_secret)
        command = ["migration_cli", "statistics", "list"]
        task = self._tasks.job("Statistics", command, access | variables.mapping(self._settings))
        self._server.open_to(task.group)
        CfnOutput(self, "StatisticsSecurityGroup", value=task.group.security_group_id)
        return task

    def _jobs(self) -> dict[str, Task]:
        """Those that end, by name; the one for commands serves checks too."""
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
            self._database() | self._brokers.told | self._doorbells() | mapping | variables.snapshot() | self._hooks(),
        )
        for task in (schema, loader, command):
            self._server.open_to(task.group)
            CfnOutput(self, f"{task.name}SecurityGroup", value=task.group.security_group_id)
        for task, read_only in ((loader, True), (command, False)):
            self._store.mount(task.definition, task.container, read_only=read_only)
            self._store.open_to(task.group)
        self._may_ring(loader)
        self._brokers.open_to(command)
        self._may_ring(command)  # a reload rings for what it loads
        command.may(self._queue.queue_arn, "sqs:GetQueueAttributes")
        dead = self._queue.dead_letter_queue
        assert dead is not None  # noqa: S101 - the queue is made with one
        command.may(dead.queue.queue_arn, "sqs:GetQueueAttributes")
        fetch = fetch_task(self, self._settings, self._tasks, self._store)
        CfnOutput(self, "ClusterName", value=self._cluster.cluster_name)
        CfnOutput(self, "Subnets", value=",".join(one.subnet_id for one in self._place.vpc.private_subnets))
        CfnOutput(self, "SnapshotFiles", value=self._store.files.file_system_id)
        return {task.name: task for task in (schema, loader, command, fetch) if task is not None}

    def _hooks(self) -> variables.Told:
        cutover = self._settings.cutover
        if cutover is None:
            return variables.Told()
        encrypted_by = kms.Key.from_key_arn(self, "HooksKey", cutover.key) if cutover.key else None
        return variables.hooks(known_secret(self, "Hooks", cutover.hooks, encrypted_by))

    def _database(self) -> variables.Told:
        return variables.database(self._server, self._settings.database.ca, self._server.secret)

    def _doorbells(self) -> variables.Told:
        return variables.queue(self._queue, self._settings.region)

    def _may_ring(self, task: Task) -> None:
        task.may(self._queue.queue_arn, "sqs:SendMessage")
        task.may(self._key.key_arn, "kms:GenerateDataKey", "kms:Decrypt")

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
            container_insights_v2=ecs.ContainerInsights.ENABLED,  # its count of wanted tasks divides the load
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
