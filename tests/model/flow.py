"""What the model's runs do."""

from dataclasses import dataclass

from libs.common import messages


@dataclass(frozen=True, slots=True)
class Flow:
    """Steps as letters: `p` computes, `e` acts, `w` waits for `wait_ms`. `poison`: the step that kills its runner."""

    steps: str
    wait_ms: int
    poison: int | None = None

    @property
    def pure(self) -> bool:
        """Whether nothing in it acts or waits."""
        return set(self.steps) <= {"p"}


def step_of(path: str, frozen_ms: int, at_ms: int) -> messages.Step:
    """Return the entry of a finished step."""
    return messages.Step(path=path, ref=path, type="step", status="success", started_at_ms=at_ms, title=str(frozen_ms))
