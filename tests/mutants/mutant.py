"""What a mutant is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file, and the tests of which at least one must fail then."""

    name: str
    file: str
    old: str
    """Stands exactly once in the file."""
    new: str
    tests: tuple[str, ...]
    """As pytest takes them."""
    also: tuple[tuple[str, str], ...] = ()
    """More changes of the same file, (old, new)."""

    def applied_to(self, text: str) -> str:
        """The file with the guarantee broken; ValueError when the mutant does not fit the code any more."""
        for old, new in ((self.old, self.new), *self.also):
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {self.file}, not once")
            text = text.replace(old, new)
        return text
