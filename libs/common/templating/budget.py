"""What one rendering may use, and the account of what it has used."""

import random
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from libs.common import errors

BUDGET = "template_budget"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering of a value with all its templates may use.

    `steps` are loop turns, calls and list elements; `output_chars` are characters made on the way and in the end, where
    each element of a list or an object counts one more; `source_chars` bounds one template's source.
    """

    steps: int = 200_000
    output_chars: int = 4_000_000
    time_s: float = 1.0
    source_chars: int = 16_384


class Budget:
    """The account of one rendering. `names` are there for messages, `weights` remember what containers weigh."""

    __slots__ = ("_deadline", "_random", "_seed", "chars_left", "limits", "names", "result", "steps_left", "weights")

    def __init__(self, limits: Limits, names: Mapping[str, Any], seed: str) -> None:
        self.limits = limits
        self.names = names
        self.steps_left = limits.steps
        self.chars_left = limits.output_chars
        self.weights: dict[int, tuple[int, Any]] = {}
        self.result: Any = None
        self._deadline = time.monotonic() + limits.time_s
        self._seed = seed
        self._random: random.Random | None = None

    def spend(self, steps: int, chars: int = 0) -> None:
        """Take these from what is left; `TemplateError` when it is used up or the time is over."""
        self.steps_left -= steps
        self.chars_left -= chars
        if self.steps_left < 0:
            raise exhausted(f"took more than {self.limits.steps} steps", "Loop over less, or split the work over steps")
        if self.chars_left < 0:
            raise exhausted(f"made more than {self.limits.output_chars} characters", "Make less text")
        if time.monotonic() > self._deadline:
            raise exhausted(f"took longer than {self.limits.time_s:g} s", "Do less in one template")

    def room_for(self, chars: int) -> None:
        """Refuse to make so much text when it would not fit, before it is made; nothing is taken."""
        if chars > self.chars_left:
            raise exhausted(f"would make more than {self.limits.output_chars} characters", "Make less text")

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, at least a millisecond."""
        return max(0.001, self._deadline - time.monotonic())

    @property
    def random(self) -> random.Random:
        """The same numbers for the same seed."""
        if self._random is None:
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose
        return self._random


def exhausted(what: str, then: str) -> errors.TemplateError:
    """Return the error of a template that wants more than it may use."""
    return errors.TemplateError(BUDGET, f"the template {what}. {then}.")


_current: ContextVar[Budget] = ContextVar("template_budget")

current = _current.get
enter = _current.set
leave = _current.reset


def spend(steps: int, chars: int = 0) -> None:
    """Take these from the budget of the rendering that is going on."""
    _current.get().spend(steps, chars)
