import pytest

from libs.common import messages
from services.runner import outcomes
from services.runner.settlement import Settlement, settlement

ERROR = messages.RunError(code="x", message="y")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (outcomes.Finished((), 1), Settlement.ACK),
        (outcomes.Failed((), 1, ERROR), Settlement.ACK),
        (outcomes.Cancelled((), 1), Settlement.ACK),
        (outcomes.Parked(1, "waiting"), Settlement.ACK),
        (outcomes.Superseded(), Settlement.ACK),
        (outcomes.Dropped(), Settlement.ACK),
        (outcomes.Interrupted(), Settlement.GIVE_BACK),
        (outcomes.Untouched(), Settlement.GIVE_BACK),
        (outcomes.Unreadable("no"), Settlement.REJECT),
        (outcomes.Lost(), Settlement.NOTHING),
    ],
)
def test_what_becomes_of_a_message_follows_from_the_outcome(outcome: outcomes.Outcome, expected: Settlement) -> None:
    assert settlement(outcome) is expected
