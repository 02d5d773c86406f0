"""Policies of a template as they will stand in the account, so that a linter of policies can read them."""

from collections.abc import Iterator, Mapping
from typing import Any

_PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": "111122223333", "AWS::Region": "eu-west-1"}
_ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:111122223333:{}",
    "AWS::KMS::Key": "arn:aws:kms:eu-west-1:111122223333:key/{}",
    "AWS::EFS::FileSystem": "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:111122223333:log-group:{}:*",
    "AWS::SecretsManager::SecretTargetAttachment": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:{}",
    "AWS::ECS::TaskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/{}:1",
    "AWS::ECS::Cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/{}",
    "AWS::ECS::Service": "arn:aws:ecs:eu-west-1:111122223333:service/cluster/{}",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/{}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:111122223333:{}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:eu-west-1:111122223333:stateMachine:{}",
}
Template = Mapping[str, Any]


def policies(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy of a role by the logical id that it stands under."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            yield name, resolved(template, properties["PolicyDocument"])
        for inline in properties.get("Policies", ()) if resource["Type"] == "AWS::IAM::Role" else ():
            yield f"{name}.{inline['PolicyName']}", resolved(template, inline["PolicyDocument"])


def resolved(template: Template, node: Any) -> Any:
    """`node` without functions; an unknown one is an error."""
    match node:
        case {"Ref": name}:
            return _PSEUDO.get(name) or _referred(template, name)
        case {"Fn::GetAtt": [name, "Arn"]}:
            return _named(template, name)
        case {"Fn::GetAtt": [name, _]}:
            return name
        case {"Fn::Join": [by, parts]}:
            return by.join(resolved(template, part) for part in parts)
        case {"Fn::Select": _} | {"Fn::Split": _}:
            return "selected"
        case dict():
            return {key: resolved(template, value) for key, value in node.items()}
        case list():
            return [resolved(template, value) for value in node]
    return node


def _referred(template: Template, name: str) -> str:
    """A cluster is referred to by its name, most others by their ARN."""
    return name if template["Resources"][name]["Type"] == "AWS::ECS::Cluster" else _named(template, name)


def _named(template: Template, name: str) -> str:
    kind = template["Resources"][name]["Type"]
    return _ARNS.get(kind, "{}").format(name)
