"""What the tests of the CDK app share: each settings file is synthesized once."""

import json
from pathlib import Path

import pytest

from deploy.reading import read_settings
from deploy.synth import templates

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "deploy" / "templates"
COMMITTED = {path.name.partition(".")[0]: path for path in sorted(TEMPLATES.glob("*.template.json"))}
REGIONS = {"migration": "eu-west-1", "migration-north": "eu-central-1", "migration-south": "eu-central-1"}


@pytest.fixture(params=COMMITTED)
def name(request):
    return request.param


@pytest.fixture
def template(name):
    return json.loads(COMMITTED[name].read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def synthesized():
    found = {}
    for path in sorted((ROOT / "deploy" / "examples").glob("*.yaml")):
        found |= templates(read_settings(path))
    return found
