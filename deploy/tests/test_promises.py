"""What the deployment promises, each read off the template."""

import json
import re

from deploy.reading import settings_of
from deploy.synth import templates
from deploy.tests.conftest import ROOT
from deploy.tests.resolved import resolved

BY_IAM = {"migration-south"}
IAM_READS = {
    "kafka-cluster:Connect",
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:DescribeTopicDynamicConfiguration",
    "kafka-cluster:ReadData",
}


def of(template, kind):
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def one(template, kind, begins=""):
    [found] = [properties for name, properties in of(template, kind).items() if name.startswith(begins)]
    return found


def actions(template, role):
    """What the role of a task may do, by action."""
    found = set()
    for name, policy in of(template, "AWS::IAM::Policy").items():
        if name.startswith(role):
            for statement in policy["PolicyDocument"]["Statement"]:
                given = statement["Action"]
                found |= {given} if isinstance(given, str) else set(given)
    return found


def flows(template):
    """Which kinds of task may reach anything else on which port."""
    return {
        (re.findall(r"(\w+?)Group", json.dumps(rule["SourceSecurityGroupId"]))[0], rule["FromPort"])
        for rule in of(template, "AWS::EC2::SecurityGroupIngress").values()
    }


def test_there_is_one_master_and_one_verifier_and_the_old_is_gone_before_the_new(template):
    for name in ("Master", "Verifier"):
        service = one(template, "AWS::ECS::Service", name)
        assert service["DesiredCount"] in (0, 1)
        assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
        assert service["DeploymentConfiguration"]["MaximumPercent"] == 100
        assert service["AvailabilityZoneRebalancing"] == "DISABLED"
        assert [found["CapacityProvider"] for found in service["CapacityProviderStrategy"]] == ["FARGATE"]


def test_a_deployment_that_fails_goes_back_by_itself(template):
    for service in of(template, "AWS::ECS::Service").values():
        assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"


def test_workers_have_a_base_that_is_not_interrupted_and_the_others_are_spot(template):
    strategy = one(template, "AWS::ECS::Service", "Worker")["CapacityProviderStrategy"]

    assert strategy == [
        {"Base": 1, "CapacityProvider": "FARGATE", "Weight": 0},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
    ]


def test_workers_are_scaled_by_rows_that_wait_and_arrive_for_each_of_them(template, name):
    policy = one(template, "AWS::ApplicationAutoScaling::ScalingPolicy")
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]
    by_id = {metric["Id"]: metric for metric in tracked["CustomizedMetricSpecification"]["Metrics"]}

    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert tracked["TargetValue"] == 1
    assert by_id["per_task"]["Expression"] == "(waiting / 500000 + FILL(arrived, 0) / 480000) / tasks"
    waiting = by_id["waiting"]["MetricStat"]["Metric"]
    assert (waiting["Namespace"], waiting["MetricName"]) == (name, "migration_waiting_rows")
    arrived = by_id["arrived"]["MetricStat"]
    assert (arrived["Metric"]["MetricName"], arrived["Stat"]) == ("migration_arrived_rows_total", "Sum")
    tasks = by_id["tasks"]["MetricStat"]["Metric"]
    assert (tasks["Namespace"], tasks["MetricName"]) == ("ECS/ContainerInsights", "DesiredTaskCount")
    assert [key for key, metric in by_id.items() if metric["ReturnData"]] == ["per_task"]


def test_nothing_scales_or_calls_before_the_services_run(template):
    target = one(template, "AWS::ApplicationAutoScaling::ScalableTarget")

    assert set(target["SuspendedState"].values()) == {True}
    assert target["MinCapacity"] == 0
    calling = [name for name, alarm in of(template, "AWS::CloudWatch::Alarm").items() if alarm["ActionsEnabled"]]
    assert [name for name in calling if "Machine" not in name] == []


def test_each_task_may_do_what_its_program_does_and_no_more(template, name):
    ring, encrypt = {"sqs:SendMessage"}, {"kms:GenerateDataKey", "kms:Decrypt"}
    mount, look = {"elasticfilesystem:ClientMount"}, {"sqs:GetQueueAttributes"}
    read = IAM_READS if name in BY_IAM else set()

    assert actions(template, "MasterTaskTaskRole") == ring | encrypt | look | read
    assert actions(template, "LoaderTaskTaskRole") == ring | encrypt | mount
    assert actions(template, "VerifierTaskTaskRole") == set()
    assert actions(template, "SchemaTaskTaskRole") == set()
    assert actions(template, "WorkerTaskTaskRole") == look | {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "kms:Decrypt",
    }  # fmt: skip
    assert actions(template, "CommandTaskTaskRole") == ring | encrypt | look | mount | read | {
        "elasticfilesystem:ClientWrite"
    }


def test_a_role_that_opens_kafka_reads_the_topics_of_one_cluster_and_writes_none(template, name):
    statements = [
        statement
        for policy in of(template, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "kafka-cluster" in json.dumps(statement["Action"])
    ]
    cluster = "legacy/11111111-2222-3333-4444-555555555555-2"

    assert {statement["Resource"].partition(":111122223333:")[2] for statement in statements} == (
        {f"cluster/{cluster}", f"topic/{cluster}/flights*"} if name in BY_IAM else set()
    )
    told = [
        {variable["Name"]: variable.get("Value") for variable in task["ContainerDefinitions"][0]["Environment"]}
        for task in of(template, "AWS::ECS::TaskDefinition").values()
    ]
    ways = {
        (one["KAFKA_SASL_MECHANISM"], one["KAFKA_SECURITY_PROTOCOL"]) for one in told if "KAFKA_SASL_MECHANISM" in one
    }
    assert (("AWS_MSK_IAM", "SASL_SSL") in ways) == (name in BY_IAM)


def test_each_flow_is_open_for_those_who_need_it_and_closed_for_the_others(template):
    for name, group in of(template, "AWS::EC2::SecurityGroup").items():
        rules = group.get("SecurityGroupEgress", []) + group.get("SecurityGroupIngress", [])
        assert not [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0"], name
    files = {source for source, port in flows(template) if port == 2049}
    mysql = {source for source, port in flows(template) if port == 3306}
    kafka = {source for source, port in flows(template) if port in (9094, 9098)}

    assert files == {"Loader", "Command", "Fetch"}
    assert mysql - {"Statistics"} == {"Master", "Worker", "Verifier", "Loader", "Schema", "Command"}
    assert kafka <= {"Master", "Command"}


def test_snapshots_are_encrypted_at_rest_and_on_the_way_and_open_by_one_door(template):
    files = one(template, "AWS::EFS::FileSystem")
    door = one(template, "AWS::EFS::AccessPoint")
    [denied] = files["FileSystemPolicy"]["Statement"]

    assert files["Encrypted"] is True
    assert "KmsKeyId" in files
    assert files["ThroughputMode"] == "elastic"
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert door["PosixUser"] == {"Gid": "10001", "Uid": "10001"}
    for task in of(template, "AWS::ECS::TaskDefinition").values():
        for volume in task["Volumes"]:
            if mounted := volume.get("EFSVolumeConfiguration"):
                assert mounted["TransitEncryption"] == "ENABLED"
                assert mounted["AuthorizationConfig"]["IAM"] == "ENABLED"


def test_queues_take_tls_alone(template):
    for policy in of(template, "AWS::SQS::QueuePolicy").values():
        [denied] = policy["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert len(of(template, "AWS::SQS::QueuePolicy")) == len(of(template, "AWS::SQS::Queue")) == 2


def test_logs_are_encrypted_and_end(template):
    for group in of(template, "AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == 90
        assert "KmsKeyId" in group


def test_the_key_rotates(template):
    assert one(template, "AWS::KMS::Key", "Key")["EnableKeyRotation"] is True


def test_drained_is_told_when_every_stream_is(template):
    alarms = of(template, "AWS::CloudWatch::Alarm")
    drained = {name: alarm for name, alarm in alarms.items() if "DrainedAlarm" in name}
    composite = one(template, "AWS::CloudWatch::CompositeAlarm")
    rule = json.dumps(composite["AlarmRule"])

    assert drained
    for name, alarm in drained.items():
        assert name in rule
        assert "AlarmActions" not in alarm
        [expression] = [metric["Expression"] for metric in alarm["Metrics"] if "Expression" in metric]
        assert expression == "unread + pending + unaudited + remainders"
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 10)
        assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (
            "LessThanOrEqualToThreshold",
            "notBreaching",
        )
    assert " OR " not in rule
    assert len(composite["AlarmActions"]) == 1


def test_a_check_that_does_not_say_yes_calls(template):
    rules = of(template, "AWS::Events::Rule")
    for name in ("Drift", "Verify"):
        [schedule] = [rule for key, rule in rules.items() if key.startswith(f"{name}Schedule")]
        [said_no] = [key for key in rules if key.startswith(f"{name}SaidNo")]
        detail = rules[said_no]["EventPattern"]["detail"]
        alarm = one(template, "AWS::CloudWatch::Alarm", f"{name}CheckAlarm")

        assert schedule["State"] == "DISABLED"  # until the services run
        assert detail["group"] == [schedule["Targets"][0]["EcsParameters"]["Group"]]
        assert detail["containers"] == {"exitCode": [{"anything-but": [0]}, {"exists": False}]}
        [counted] = [one for key, one in of(template, "AWS::Logs::MetricFilter").items() if f"{name}Lines" in key]
        assert rules[said_no]["Targets"][0]["Arn"]["Fn::GetAtt"][0] == counted["LogGroupName"]["Ref"]
        assert detail["group"][0] in counted["FilterPattern"]
        assert alarm["MetricName"] == counted["MetricTransformations"][0]["MetricName"]
        assert len(alarm["AlarmActions"]) == 1


def test_checks_are_started_with_the_rights_for_that_alone(template):
    [policy] = [
        one["PolicyDocument"]["Statement"]
        for name, one in of(template, "AWS::IAM::Policy").items()
        if name.startswith("CheckStarter")
    ]

    assert [(one["Action"], list(one["Condition"])) for one in policy] == [
        ("ecs:RunTask", ["ArnEquals"]),
        ("iam:PassRole", ["StringEquals"]),
    ]


def test_each_statistic_is_run_by_its_machine_when_it_is_due_and_not_before_services_run(synthesized):
    template = synthesized["migration"]
    machine = next(name for name in of(template, "AWS::StepFunctions::StateMachine") if name.startswith("Statistics"))
    due = {
        json.loads(target["Input"])["name"]: (
            rule["ScheduleExpression"],
            rule["State"],
            resolved(template, target["Arn"]),
        )
        for rule in of(template, "AWS::Events::Rule").values()
        for target in rule["Targets"]
        if "Input" in target and "name" in json.loads(target["Input"])
    }

    assert due.keys() == {"active_devices", "device_owners"}
    assert due["active_devices"][:2] == ("rate(10 minutes)", "DISABLED")
    assert due["device_owners"][:2] == ("cron(15 3 * * ? *)", "DISABLED")
    assert all(arn.endswith(machine) for *_, arn in due.values())


def test_statistics_are_started_with_the_rights_for_that_alone_and_reach_nothing_but_mysql(synthesized):
    template = synthesized["migration"]

    assert actions(template, "StatisticsStarter") == {"states:StartExecution"}
    assert not {"sns:Publish", "ecs:UpdateService"} & actions(template, "StatisticsMachine")
    assert actions(template, "StatisticsTaskTaskRole") == set()
    assert {port for kind, port in flows(template) if kind == "Statistics"} == {3306, 443}  # MySQL, and AWS itself


def test_where_no_statistic_is_named_nothing_is_made_for_them(synthesized):
    north = synthesized["migration-north"]

    assert not [name for name in (*north["Resources"], *north["Outputs"]) if "Statistic" in name]


def test_a_program_that_says_nothing_is_missed(template):
    for program in ("Master", "Verifier"):
        alarm = one(template, "AWS::CloudWatch::Alarm", f"{program}Absent")
        assert (alarm["TreatMissingData"], alarm["Statistic"]) == ("breaching", "SampleCount")


def test_a_new_server_is_private_encrypted_kept_and_takes_tls_alone(synthesized):
    rds = one(synthesized["migration"], "AWS::RDS::DBInstance")
    aurora = one(synthesized["migration-south"], "AWS::RDS::DBCluster")

    for server in (rds, aurora):
        assert server["StorageEncrypted"] is True
        assert server["DeletionProtection"] is True
        assert server["BackupRetentionPeriod"] == 7
    assert rds["PubliclyAccessible"] is False
    assert rds["MultiAZ"] is True
    groups = [
        one(synthesized["migration"], "AWS::RDS::DBParameterGroup"),
        one(synthesized["migration-south"], "AWS::RDS::DBClusterParameterGroup"),
    ]
    for group in groups:
        assert group["Parameters"]["require_secure_transport"] == "ON"
        assert group["Parameters"]["local_infile"] == "1"


def test_what_is_there_is_not_made_again(synthesized):
    north = synthesized["migration-north"]

    for kind in ("AWS::EC2::VPC", "AWS::ECS::Cluster", "AWS::RDS::DBInstance", "AWS::RDS::DBCluster"):
        assert of(north, kind) == {}


def test_schema_rights_stay_with_the_schema_task_where_they_have_a_secret_of_their_own(synthesized):
    north = synthesized["migration-north"]
    holders = {
        task["Family"]: json.dumps(task["ContainerDefinitions"][0]["Secrets"])
        for task in of(north, "AWS::ECS::TaskDefinition").values()
    }

    assert [family for family, held in holders.items() if "north-schema" in held] == ["migration-north-schema"]


def task(template, name):
    [found] = [one for one in of(template, "AWS::ECS::TaskDefinition").values() if one["Family"].endswith(f"-{name}")]
    return found


def statements(template, role):
    return [
        (one["Action"], resolved(template, one["Resource"]))
        for name, policy in of(template, "AWS::IAM::Policy").items()
        if name.startswith(role)
        for one in policy["PolicyDocument"]["Statement"]
    ]


def outside(template, name):
    """(port, address) of what a kind of task may reach outside the network."""
    inside = one(template, "AWS::EC2::SecurityGroup", f"{name}Group").get("SecurityGroupEgress", [])
    apart = [rule for key, rule in of(template, "AWS::EC2::SecurityGroupEgress").items() if key.startswith(name)]
    return {(rule["FromPort"], rule["CidrIp"]) for rule in [*inside, *apart] if "CidrIp" in rule}


def test_the_fetch_task_reads_one_folder_of_one_bucket_and_writes_to_the_volume(synthesized):
    template, key = synthesized["migration-south"], "66666666-7777-8888-9999-000000000000"
    [mount, read, decrypt] = statements(template, "FetchTaskTaskRole")

    assert mount[0] == ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    assert read == ("s3:GetObject", "arn:aws:s3:::legacy-export-south/2026-11-20/*")
    assert decrypt == ("kms:Decrypt", f"arn:aws:kms:eu-central-1:111122223333:key/{key}")
    assert outside(template, "Fetch") == set()  # but for S3 itself, by its prefix list


def test_the_fetch_task_of_a_web_server_reaches_that_alone_and_has_no_right_in_s3(synthesized):
    template = synthesized["migration-north"]
    [secret] = task(template, "fetch")["ContainerDefinitions"][0]["Secrets"]

    assert [actions for actions, _ in statements(template, "FetchTaskTaskRole")] == [
        ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    ]
    assert outside(template, "Fetch") == {(8443, "198.51.100.0/24")}
    assert secret["Name"] == "SNAPSHOT_SOURCE_TOKEN"
    assert ":token::" in json.dumps(secret["ValueFrom"])


def test_the_fetch_task_has_the_volume_where_its_command_writes(template):
    [container] = task(template, "fetch")["ContainerDefinitions"]
    *words, source, folder = container["Command"]
    [mount] = [one for one in container["MountPoints"] if one["SourceVolume"] == "snapshot"]

    assert words == ["migration_cli", "snapshot", "fetch"]
    assert template["Outputs"]["SnapshotSource"]["Value"] == source
    assert mount == {"ContainerPath": folder, "ReadOnly": False, "SourceVolume": "snapshot"}
    assert "FetchSecurityGroup" in template["Outputs"]


def test_without_a_source_nothing_is_there_to_fetch():
    text = (ROOT / "deploy" / "examples" / "new_everything.yaml").read_text(encoding="utf-8")
    [line] = [one for one in text.splitlines(keepends=True) if "snapshot:" in one]

    made = templates(settings_of(text.replace(line, ""), file="without.yaml"))["migration"]

    assert "fetch" not in json.dumps(made).lower()
