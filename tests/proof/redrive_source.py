"""What a legacy platform published, good and bad, and what must come of it: told by dictionaries, by no mapping."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.integration.applying import Record, doc

_STUCK = 4
Members = dict[str, Any]


@dataclass
class People:
    """Full images. A name that is a number and the age 13 fail until they are mended; some others always do."""

    dice: random.Random
    keys: int
    told: list[tuple[str, Members | None]] = field(default_factory=list)

    def more(self, count: int) -> Iterator[Record]:
        """The next records."""
        for _ in range(count):
            key = f"p{self.dice.randrange(self.keys)}"
            image = self._image(key)
            self.told.append((key, image))
            yield key, None if image is None else doc(**image)

    def _image(self, key: str) -> Members | None:
        image: Members = {"id": key, "name": f"n{self.dice.randrange(10**6)}", "age": self.dice.randrange(20, 90)}
        image["phones"] = [{"number": str(n)} for n in self.dice.sample(range(5), self.dice.randrange(4))]
        match self.dice.randrange(20):
            case 0:
                return None
            case 1:
                image["hidden"] = True
            case 2:
                image["name"] = None
            case 3:
                image |= {"name": self.dice.randrange(10**5, 10**6), "age": 300}
            case 4 | 5:
                image["age"] = 13
            case number if number < 15:
                image["name"] = self.dice.choice((self.dice.randrange(10), self.dice.randrange(10**5, 10**6)))
        return image

    def rejected(self) -> list[int]:
        """The offsets that nothing mends."""
        return [n for n, (_, image) in enumerate(self.told) if _always_fails(image)]

    def rows(self) -> dict[str, tuple[object, ...]]:
        """{id: (name, age, phone numbers, offset of its record)}."""
        found: dict[str, tuple[object, ...]] = {}
        for offset, (key, image) in enumerate(self.told):
            if _always_fails(image):
                continue
            found.pop(key, None)
            if image is not None and not image.get("hidden"):
                numbers = sorted(phone["number"] for phone in image["phones"])
                found[key] = (str(image["name"]), image["age"], tuple(numbers), offset)
        return found


def _always_fails(image: Members | None) -> bool:
    return image is not None and (image["name"] is None or image["age"] > 255)


@dataclass
class Trips:
    """Partial changes. A stage that is a number fails until it is mended; those of some keys are stuck for good."""

    dice: random.Random
    keys: int
    told: list[tuple[str, str, Members]] = field(default_factory=list)
    """(key, op, members)."""
    _begun: set[str] = field(default_factory=set)

    def more(self, count: int) -> Iterator[Record]:
        """The next records."""
        for _ in range(count):
            number = self.dice.randrange(self.keys)
            self.told.append(self._stuck(f"x{number}") if number < _STUCK else self._change(f"t{number}"))
            key, op, members = self.told[-1]
            yield key, None if op == "drop" else doc(op=op, body={"id": key, **members})

    def _change(self, key: str) -> tuple[str, str, Members]:
        stage = self.dice.choice((self.dice.randrange(10), self.dice.randrange(10**5, 10**6), "a", "b", "c"))
        kind = self.dice.randrange(12)
        if key not in self._begun or kind == 0:
            self._begun.add(key)
            return key, "set", {"stage": stage}
        if kind == 1:
            self._begun.discard(key)
            return key, "drop", {}
        return key, "change", {"stage": stage} if kind < 6 else {"delay": self.dice.randrange(1000)}

    def _stuck(self, key: str) -> tuple[str, str, Members]:
        count = sum(one == key for one, _, _ in self.told)
        if count == 0:
            return key, "set", {"stage": "a"}
        return key, "change", {"stage": {"no": "text"}} if count == 1 else {"delay": count}

    def rejected(self) -> list[int]:
        """The offsets that nothing mends."""
        return [n for n, (_, _, members) in enumerate(self.told) if isinstance(members.get("stage"), dict)]

    def parked(self) -> list[int]:
        """The offsets behind those, which wait."""
        first = {self.told[n][0]: n for n in self.rejected()}
        return [n for n, (key, _, _) in enumerate(self.told) if n > first.get(key, n)]

    def rows(self) -> dict[str, tuple[object, ...]]:
        """{id: (stage, delay, offset of its last record)}."""
        kept_out = {*self.rejected(), *self.parked()}
        documents: dict[str, tuple[Members, int]] = {}
        for offset, (key, op, members) in enumerate(self.told):
            if offset in kept_out:
                continue
            before = documents.pop(key, ({}, 0))[0] if op == "change" else {}
            documents.pop(key, None)
            if op != "drop":
                documents[key] = ({**before, **members}, offset)
        return {key: (str(one["stage"]), one.get("delay"), offset) for key, (one, offset) in documents.items()}
