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

    def applied_to(self, text: str) -> str:
        """The file with the guarantee broken; ValueError when the mutant does not fit the code any more."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: its old text stands {text.count(self.old)} times in {self.file}, not once")
        return text.replace(self.old, self.new)
