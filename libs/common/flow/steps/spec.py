"""What is known of a kind of step without doing it."""

from dataclasses import dataclass
from typing import Literal

from libs.common.flow import model

# none: computed again after a crash, to the same values. outside: journaled at once. wait: may give its runner up.
Effect = Literal["none", "outside", "wait"]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A kind of step: its name, what its `with` may hold, the lists of steps beside it, what it does to the world.

    `rendered_later` are the keys of `with` that are not rendered before the step, but at another time.
    """

    name: str
    with_model: type[model.Strict]
    branches: tuple[str, ...] = ()
    effect: Effect = "none"
    may_continue: bool = True  # whether `on_error: continue` makes sense
    rendered_later: frozenset[str] = frozenset()
