"""Which faults an interleaving meets, and what runs it has to bring through them."""

import random
from dataclasses import dataclass
from typing import Final

from tests.model.broker import MINUTE, SECOND
from tests.model.flow import Flow

WAITS_MS: Final = (10 * SECOND, 2 * MINUTE, 30 * MINUTE)


@dataclass(frozen=True, slots=True)
class Weather:
    """Which faults there are. `losses` bounds those of runners, recorders and connections together."""

    losses: int
    sweeper: bool  # with it, queues are purged and requests are torn
    poison: bool
    runs: int
    runners: int
    moments: int


def weather(rng: random.Random) -> Weather:
    """Draw the faults of one interleaving."""
    poison = rng.random() < 0.25
    quiet = rng.random() < (0.4 if poison else 0.1)
    return Weather(
        losses=0 if quiet else rng.choice((1, 2, 3, 5, 9)),
        sweeper=rng.random() < 0.5,
        poison=poison,
        runs=rng.choice((2, 3, 4) if poison and quiet else (1, 1, 2, 3)),
        runners=rng.choice((1, 2, 2, 3)),
        moments=rng.choice((40, 80, 140, 240)),
    )


def flow(rng: random.Random, *, poisoned: bool) -> Flow:
    """Draw what a run does."""
    steps = "".join(rng.choice("eeepww") for _ in range(rng.randint(1, 5)))
    poison = None
    if poisoned:
        poison = rng.randrange(len(steps))
        steps = steps[:poison] + rng.choice("ep") + steps[poison + 1 :]
    return Flow(steps, rng.choice(WAITS_MS), poison)
