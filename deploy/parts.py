"""What all settings are made of: parts that know every one of their keys, and words of AWS."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9-]{0,40}$")]
StreamName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
SecurityGroup = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]+$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]+$")]
SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-\w{6}$")
]
Key = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/\S+$")]
MskCluster = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9-]+/[a-f0-9-]+$")
]
Server = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+:\d{1,5}$")]
Topics = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+\*?$")]
PathInImage = Annotated[str, StringConstraints(pattern=r"^/\S+$")]
Schedule = Annotated[str, StringConstraints(pattern=r"^(rate|cron)\(.+\)$")]
Cidr = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+\.\d+/\d+$")]


class Part(BaseModel):
    """A part of the settings; a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


PartOf = TypeVar("PartOf", bound=Part)


def exactly_one(part: PartOf, *names: str) -> PartOf:
    """ValueError unless one of these keys is written, and no other of them."""
    if sum(getattr(part, name) is not None for name in names) != 1:
        raise ValueError(f"write exactly one of {' and '.join(names)}")
    return part
