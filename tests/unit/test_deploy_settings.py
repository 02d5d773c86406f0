"""Settings of a deployment: everything wrong is named at once, with its place."""

from pathlib import Path

import pytest

from deploy.reading import read_settings, settings_of
from migration_core.errors import ConfigError

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
GOOD = (EXAMPLES / "new_everything.yaml").read_text(encoding="utf-8")


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        settings_of(text, file="my.yaml")
    return str(raised.value).splitlines()


def test_every_example_can_be_read():
    names = [stack.name for path in sorted(EXAMPLES.glob("*.yaml")) for stack in read_settings(path).stacks]

    assert names == ["migration", "migration-north", "migration-south"]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("mapping: /app", "maping: /app", "my.yaml:7:5: 'maping' is no key here; did you mean 'mapping'?"),
        ("migration:1.0.0", "migration:latest", "my.yaml:5:5: image: name a tag other than latest"),
        ("migration:1.0.0", "migration", "my.yaml:5:5: image: name a tag other than latest"),
        ("auth: scram", "auth: iam", "my.yaml:15:5: kafka: `secret` is for auth mtls and scram"),
        ("auth: scram", "auth: iam\n      cluster: msk", "my.yaml:18:7: cluster: String should match pattern"),
        (
            "auth: scram",
            'auth: scram\n      topics: ["legacy.*"]',
            "kafka: `cluster` (its ARN) and `topics` are for auth iam",
        ),
        ("auth: scram", "auth: tls", "my.yaml:15:5: kafka: `secret` is for auth mtls and scram"),
        ("10.40.0.0/16", "10.40.0.0/28", "my.yaml:10:13: cidr: write a /24 or larger"),
        ("engine: rds", "engine: postgres", "my.yaml:13:13: engine: Input should be 'rds' or 'aurora'"),
        ("      ca: /app/rds-ca.pem\n", "", "a new server takes encrypted connections only"),
        ("s3://", "s4://", "my.yaml:20:16: source: String should match pattern"),
        ("2026-11-20}", "2026-*}", "my.yaml:20:16: source: String should match pattern"),
        ("s3://", "https://", "my.yaml:20:5: snapshot: write cidrs of the https source"),
        ("11-20}", "11-20, cidrs: [198.51.100.0/24]}", "my.yaml:20:5: snapshot: `cidrs` and `secret` are for https"),
        ("source:", "from:", "my.yaml:20:16: 'from' is no key here"),
        ("least: 1", "least: 9", "my.yaml:21:5: workers: least is more than most"),
        ("      s3_prefix_list: pl-6da54004 ", "      x: y", "'s3_prefix_list' is missing"),
    ],
)
def test_a_fault_is_named_with_its_line_and_column(good, bad, told):
    assert good in GOOD

    assert any(told in fault for fault in faults(GOOD.replace(good, bad, 1)))


def test_all_faults_are_named_in_the_order_of_the_file():
    found = faults(GOOD.replace("auth: scram", "auth: magic").replace("region: eu-west-1", "region: Ireland"))

    assert [fault.split(":")[1] for fault in found] == ["4", "17"]


def test_two_stacks_of_one_name_are_refused():
    head, body = GOOD.split("stacks:\n")

    assert "two stacks are named migration" in faults(f"{head}stacks:\n{body}{body}")[0]


def test_a_task_size_that_fargate_does_not_sell_is_refused():
    sized = GOOD.replace("    workers:", "    task: {cpu: 256, memory_mib: 4096}\n    workers:")

    assert faults(sized) == ["my.yaml:21:5: task: cpu 256 takes memory_mib from 512 to 2048 in steps of 512"]
