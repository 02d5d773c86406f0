"""Statistics on their schedules: one state machine runs each of them, by its name, when a rule says that it is due."""

import json

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from deploy.alarms import Alarms
from deploy.machines import Machine, Machines
from deploy.names import camel
from deploy.settings import StackSettings
from deploy.statistics_machine import statistics_machine
from deploy.tasks import Task


def schedule_statistics(stack: Stack, settings: StackSettings, machines: Machines, task: Task, alarms: Alarms) -> None:
    """Rules are on while services run; what does not come to its end calls."""
    machine = machines.made("Statistics", statistics_machine(machines.place), [task], {})
    alarms.of_machine(machine.name, "statistics", machine.arn)
    starter = _starter(stack, machine)
    for name, schedule in settings.statistics.items():
        events.CfnRule(
            stack,
            f"{camel(name)}Count",
            description=f"migration statistics run {name}",
            schedule_expression=schedule,
            state="ENABLED" if settings.running else "DISABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Statistics", arn=machine.arn, role_arn=starter.role_arn, input=json.dumps({"name": name})
                )
            ],
        )


def _starter(stack: Stack, machine: Machine) -> iam.Role:
    """May start this one machine."""
    role = iam.Role(stack, "StatisticsStarter", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine.arn]))
    return role
