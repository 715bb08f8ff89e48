from libs.common import messages
from libs.common.bus import port
from services.runner.in_hand import Held, InHand
from services.runner.orders import Order
from tests.unit.runner import fakes
from tests.unit.runner.running import settle


def held(run_id: str = "r", lease: port.Lease | None = None) -> Held:
    message = messages.Wake(run_id=run_id)
    delivery = fakes.FakeDelivery(message)
    delivery.lease = lease or delivery.lease
    return Held(delivery, message, 0)


async def test_all_of_a_lost_lease_are_told() -> None:
    in_hand = InHand()
    one, other = held("1"), held("3")
    two = held("2", one.delivery.lease)
    with in_hand.keep(one), in_hand.keep(two), in_hand.keep(other):
        one.delivery.lease.end()
        await settle()

    assert one.orders.given == two.orders.given == {Order.LOST}
    assert other.orders.given == set()


async def test_what_was_lost_on_arrival_is_told() -> None:
    in_hand = InHand()
    one = held()
    one.delivery.lease.end()
    with in_hand.keep(one):
        await settle()

    assert one.orders.given == {Order.LOST}


async def test_what_has_left_hears_nothing() -> None:
    in_hand = InHand()
    one = held()
    with in_hand.keep(one):
        pass

    in_hand.order_all(Order.STOP)

    assert not in_hand.cancel("r")
    assert one.orders.given == set()
    assert len(in_hand) == 0


async def test_what_comes_later_hears_a_standing_order() -> None:
    in_hand = InHand()
    in_hand.order_all(Order.STOP)
    one = held()

    with in_hand.keep(one):
        pass

    assert one.orders.given == {Order.STOP}
