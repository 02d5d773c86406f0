"""Findings of cdk-nag that are left as they are, each with its reason."""

from aws_cdk import Acknowledgment, Stack, Validations

_REASONS = {
    "AwsSolutions-ECS2": "variables hold addresses and paths; what is secret comes from Secrets Manager by reference",
    "AwsSolutions-SMG4": "a rotation in the night would end every connection; docs/deploy.md says how to rotate",
    "AwsSolutions-RDS6": "tokens last 15 minutes and the pools reconnect every few seconds; passwords are in a secret",
    "AwsSolutions-RDS11": "the port is no secret: only the tasks' own groups reach it",
    "AwsSolutions-RDS14": "backtrack would take applied rows back while their topics' offsets stay; backups are kept",
}


def acknowledge(stack: Stack) -> None:
    """Said for the whole stack: each is a decision, not a slip of one resource."""
    Validations.of(stack).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule, reason in _REASONS.items()))
