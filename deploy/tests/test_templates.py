"""The committed templates are current, and pass what looks at templates."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

from deploy.machines import _TO_LOG, _TO_TRACE
from deploy.synth import text_of
from deploy.tests.conftest import COMMITTED, REGIONS
from deploy.tests.resolved import policies

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament reads its tables in a way that setuptools warns of
    import parliament

WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken": "a token is for the whole registry",
    **dict.fromkeys((*_TO_LOG, *_TO_TRACE), "deliveries of logs and traces know no resource"),
}
"""The actions that may name every resource, each with its reason."""


def test_the_committed_templates_are_current(synthesized, name):
    """`make deploy-templates` writes them anew; synthesis itself fails on a finding that nobody acknowledged."""
    assert text_of(synthesized[name]) == COMMITTED[name].read_text(encoding="utf-8")


def test_there_is_a_template_for_every_stack_and_no_other(synthesized):
    assert sorted(synthesized) == sorted(COMMITTED) == sorted(REGIONS)


def test_a_template_needs_no_bootstrap_and_no_assets(template):
    assert "Parameters" not in template
    assert "BootstrapVersion" not in json.dumps(template)
    assert "cdk-hnb659fds" not in json.dumps(template)


def test_cfn_lint_finds_nothing(name):
    program = Path(sys.executable).with_name("cfn-lint")
    command = [program, "--regions", REGIONS[name], "--template", COMMITTED[name]]
    found = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (found.stdout, found.stderr, found.returncode) == ("", "", 0)


def test_parliament_finds_nothing_in_any_policy(template):
    found = [
        (where, finding.issue, finding.detail)
        for where, policy in policies(template)
        for finding in parliament.analyze_policy_string(json.dumps(policy)).findings
    ]

    assert [one for one in found if one[1] != "RESOURCE_STAR"] == []


def test_no_policy_allows_more_than_it_names(template):
    for where, policy in policies(template):
        for statement in policy["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            assert not [action for action in actions if "*" in action], where
            if any(resource == "*" for resource in resources):
                assert set(actions) <= WITHOUT_RESOURCE.keys(), where
