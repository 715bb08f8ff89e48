from libs.common import topology
from services.debugger import proofs

AGES = proofs.Ages(claim_hold_s=300, sweep_after_s=360, sweep_anyway_s=4500)
LANE = ("async", 2)
QUEUE = topology.lane_queue(*LANE)
MINUTE = 60_000


def test_nothing_is_proven_before_a_queue_was_seen_empty() -> None:
    emptiness = proofs.Emptiness(AGES)
    emptiness.observe({QUEUE: 3}, 0)

    assert emptiness.proofs(60 * MINUTE, {}) == proofs.Proofs({}, None)


def test_an_empty_queue_proves_nothing_while_a_runner_may_hold_what_it_took() -> None:
    emptiness = proofs.Emptiness(AGES)
    emptiness.observe({QUEUE: 0}, 10 * MINUTE)

    assert emptiness.proofs(16 * MINUTE - 1, {}).lanes == {}


def test_an_empty_queue_proves_what_was_silent_before_it_less_a_margin() -> None:
    emptiness = proofs.Emptiness(AGES)
    emptiness.observe({QUEUE: 0}, 10 * MINUTE)

    assert emptiness.proofs(16 * MINUTE, {}).lanes == {LANE: 9 * MINUTE}


def test_the_latest_proof_that_is_old_enough_counts() -> None:
    emptiness = proofs.Emptiness(AGES)
    for minute in range(10, 20):
        emptiness.observe({QUEUE: 0}, minute * MINUTE)

    assert emptiness.proofs(19 * MINUTE, {}).lanes == {LANE: 12 * MINUTE}


def test_a_later_start_proves_it_too() -> None:
    emptiness = proofs.Emptiness(AGES)

    assert emptiness.proofs(19 * MINUTE, {LANE: 12 * MINUTE}).lanes == {LANE: 11 * MINUTE}


def test_woken_runs_need_all_their_queues_empty() -> None:
    emptiness = proofs.Emptiness(AGES)
    emptiness.observe({topology.CLAIMED: 0, topology.SUSPECT: 0, topology.LATER: 1}, 10 * MINUTE)
    before = emptiness.proofs(16 * MINUTE, {}).again

    emptiness.observe({topology.LATER: 0}, 12 * MINUTE)

    assert before is None
    assert emptiness.proofs(18 * MINUTE, {}).again == 9 * MINUTE


def test_a_run_of_an_unknown_lane_needs_all_lanes() -> None:
    emptiness = proofs.Emptiness(AGES)
    emptiness.observe(dict.fromkeys(proofs.QUEUES, 0), 10 * MINUTE)

    assert emptiness.proofs(16 * MINUTE, {}).every_lane == 9 * MINUTE
    assert proofs.Proofs({LANE: 1}, None).every_lane is None
