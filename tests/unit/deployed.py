"""The committed templates, read with the standard library alone."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "deploy" / "templates").glob("*.template.json"))
Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """One stack."""

    name: str
    content: Mapping[str, Any]

    def all(self, kind: str) -> dict[str, Properties]:
        """The properties of every resource of a kind, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.content["Resources"].items()
            if resource["Type"] == kind
        }

    def task(self, name: str) -> Properties:
        """The task definition of a kind of task."""
        [found] = [
            one for one in self.all("AWS::ECS::TaskDefinition").values() if one["Family"] == f"{self.name}-{name}"
        ]
        return found

    def container(self, name: str) -> Properties:
        """The one container of a kind of task."""
        [found] = self.task(name)["ContainerDefinitions"]
        return found

    def service(self, name: str) -> Properties:
        """The service of a kind of task."""
        [found] = [one for key, one in self.all("AWS::ECS::Service").items() if key.startswith(name)]
        return found


def deployed() -> Iterator[Template]:
    for path in TEMPLATES:
        yield Template(path.name.partition(".")[0], json.loads(path.read_text(encoding="utf-8")))
