"""The key that everything at rest is encrypted with."""

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms


def made_key(stack: Stack) -> kms.Key:
    """A key that rotates, which logs and alarms of this stack may use."""
    key = kms.Key(
        stack,
        "Key",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN,  # without it nothing that is kept could be read
        description=f"{stack.stack_name}: queue, files, logs, alarms and database",
    )
    all_groups = f"arn:{Aws.PARTITION}:logs:{stack.region}:{Aws.ACCOUNT_ID}:log-group"
    groups = [f"{all_groups}:/{stack.stack_name}/*", f"{all_groups}:/aws/events/{stack.stack_name}/*"]
    alarms = f"arn:{Aws.PARTITION}:cloudwatch:{stack.region}:{Aws.ACCOUNT_ID}:alarm:*"
    key.add_to_resource_policy(
        _for_service(
            f"logs.{stack.region}.amazonaws.com",
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
    key.add_to_resource_policy(
        _for_service(
            "cloudwatch.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": alarms}},
        )
    )
    # Step Functions encrypts what it hands to the log service under that service's name.
    key.add_to_resource_policy(
        _for_service(
            "delivery.logs.amazonaws.com",
            ["kms:Decrypt"],
            {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )
    return key


def _for_service(name: str, actions: list[str], conditions: dict[str, dict[str, object]]) -> iam.PolicyStatement:
    # In a key's policy, "*" is this key.
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(name)], actions=actions, resources=["*"], conditions=conditions
    )
