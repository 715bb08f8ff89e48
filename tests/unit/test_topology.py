"""What must hold of the topology before any broker sees it."""

import pytest

from libs.common import topology
from libs.common.topology import AGAIN, CONTROL, DEAD, EVENTS, FLOWS, LANES, QUEUES, RUNS, TOPOLOGY, Queue

OWN = (
    topology.reply_queue("g1"),
    topology.reply_queue("g2"),
    topology.control_queue("r1"),
    topology.control_queue("r2"),
)
EVERYTHING = TOPOLOGY.with_own(*OWN)
KINDS = {exchange.name: exchange.kind for exchange in EVERYTHING.exchanges}

REACHED = {
    **{
        (RUNS, topology.run_key(mode, lane)): {topology.lane_queue(mode, lane), topology.RECORD}
        for mode in ("sync", "async")
        for lane in range(LANES)
    },
    (EVENTS, "result.g1"): {"replies.g1", topology.RECORD},
    (EVENTS, "result.none"): {topology.RECORD},
    (EVENTS, "result.g3"): {topology.RECORD},
    **{
        (EVENTS, key): {topology.RECORD}
        for key in ("started", "step", "parked", "handed_back", "dead", "replied", "refused", "claim", "mark")
    },
    (AGAIN, "claimed"): {topology.CLAIMED},
    (AGAIN, "suspect"): {topology.SUSPECT},
    (AGAIN, "later"): {topology.LATER},
    (CONTROL, "cancel"): {"control.r1", "control.r2"},
    (CONTROL, "answer.r1"): {"control.r1"},
    (FLOWS, "get"): {topology.FLOW_QUERIES},
    (DEAD, "runs"): {topology.DEAD_RUNS},
    (DEAD, "events"): {topology.DEAD_EVENTS},
}


def reached(exchange: str, key: str) -> set[str]:
    """Return the queues that a message with this address would be in."""
    return {
        queue.name
        for queue in EVERYTHING.queues
        for bound, pattern in queue.bindings
        if bound == exchange and topology.matches(KINDS[exchange], pattern, key)
    }


def named(queue: Queue) -> str:
    return queue.name


@pytest.mark.parametrize("address", REACHED, ids="/".join)
def test_key_reaches_every_queue_that_it_should_and_no_other(address: tuple[str, str]) -> None:
    assert reached(*address) == REACHED[address]


def test_every_queue_is_reached_by_some_key() -> None:
    fed = set().union(*(reached(*address) for address in REACHED)) | reached(EVENTS, "result.g2")

    assert fed == {queue.name for queue in EVERYTHING.queues}


@pytest.mark.parametrize("queue", QUEUES, ids=named)
def test_queue_has_a_place_for_its_dead_letters_unless_it_is_one(queue: Queue) -> None:
    if queue.name in (topology.DEAD_RUNS, topology.DEAD_EVENTS):
        assert queue.dead is None
    else:
        assert queue.dead is not None
        assert reached(*queue.dead)


@pytest.mark.parametrize("queue", QUEUES, ids=named)
def test_shared_queue_is_replicated_with_a_positive_delivery_limit(queue: Queue) -> None:
    assert queue.arguments["x-queue-type"] == "quorum"
    assert int(queue.arguments["x-delivery-limit"]) > 0


@pytest.mark.parametrize("queue", QUEUES, ids=named)
def test_at_least_once_goes_with_reject_publish(queue: Queue) -> None:
    arguments = queue.arguments

    assert ("x-dead-letter-exchange" in arguments) == (arguments.get("x-dead-letter-strategy") == "at-least-once")
    assert ("x-dead-letter-strategy" in arguments) == (arguments.get("x-overflow") == "reject-publish")


@pytest.mark.parametrize("queue", EVERYTHING.queues, ids=named)
def test_no_queue_has_a_longest_length(queue: Queue) -> None:
    # A full one would nack what another queue has taken.
    assert "x-max-length" not in queue.arguments


def test_dead_letter_queues_are_declared_before_those_that_need_them() -> None:
    names = [queue.name for queue in QUEUES]

    assert names[:2] == [topology.DEAD_RUNS, topology.DEAD_EVENTS]


@pytest.mark.parametrize("queue", QUEUES, ids=named)
def test_name_carries_a_version(queue: Queue) -> None:
    assert queue.name.rpartition(".")[2] == "v1"


@pytest.mark.parametrize("queue", OWN, ids=named)
def test_queue_of_one_process_goes_when_its_process_has_gone(queue: Queue) -> None:
    assert queue.arguments == {"x-queue-type": "classic", "x-expires": topology.REPLY_EXPIRES_MS}


def test_only_the_record_has_a_single_active_consumer() -> None:
    assert [queue.name for queue in EVERYTHING.queues if queue.single_active] == [topology.RECORD]
    assert all(queue.arguments.get("x-single-active-consumer", False) is queue.single_active for queue in QUEUES)


def test_runs_that_wait_for_later_come_back_to_be_claimed() -> None:
    later = next(queue for queue in QUEUES if queue.name == topology.LATER)

    assert later.arguments["x-message-ttl"] == topology.LATER_MS
    assert later.dead is not None
    assert reached(*later.dead) == {topology.CLAIMED}


def test_names_are_unique() -> None:
    names = [queue.name for queue in EVERYTHING.queues]

    assert len(set(names)) == len(names)


def test_flow_keeps_its_lane() -> None:
    flows = [f"flow-{number}" for number in range(200)]

    lanes = [topology.lane_of(flow) for flow in flows]

    assert lanes == [topology.lane_of(flow) for flow in flows]
    assert set(lanes) == set(range(LANES))


@pytest.mark.parametrize(
    ("pattern", "key", "taken"),
    [
        ("#", "", True),
        ("#", "a.b.c", True),
        ("*", "a", True),
        ("*", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("#.c", "a.b.c", True),
        ("#.c", "c", True),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("a.*.c", "a.c", False),
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a", "b", False),
    ],
)
def test_topic_takes_words_and_any_number_of_them(pattern: str, key: str, taken: bool) -> None:
    assert topology.matches("topic", pattern, key) is taken


def test_direct_exchange_takes_its_key_to_the_letter() -> None:
    assert topology.matches("direct", "a.b", "a.b")
    assert not topology.matches("direct", "#", "a.b")
