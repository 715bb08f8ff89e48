"""Where each part of a source stands."""

from dataclasses import dataclass, field

from libs.common import errors


@dataclass(frozen=True, slots=True)
class Mark:
    """A line and a column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a document by path: of values, and of the keys before them."""

    values: dict[str, Mark] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)

    def placed(self, fault: errors.Fault) -> errors.Fault:
        """Return the fault with the mark of its path, or of the nearest part around it."""
        if fault.line is not None:
            return fault
        path = fault.path
        while True:
            mark = self.keys.get(path) or self.values.get(path)
            if mark is not None:
                return errors.Fault(fault.path, fault.message, mark.line, mark.column)
            if not path:
                return fault
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
