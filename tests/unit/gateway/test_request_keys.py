"""The key of a request, and when two requests are the same one."""

from typing import Any

import pytest
from multidict import CIMultiDict

from libs.common import errors
from libs.common.flow import idempotency
from libs.common.templating import environment
from services.gateway.request_keys import Key, Sent, key_of

SENT = Sent("POST", "a=1", b'{"b": 2}')
BOTH = idempotency.KeySource(headers=("Idempotency-Key", "X-GitHub-Delivery"))


def by_headers(*headers: tuple[str, str], sent: Sent = SENT, source: idempotency.KeySource = BOTH) -> Key | None:
    return key_of(source, CIMultiDict(headers), dict, sent, environment.DEFAULT)


def by_template(template: str, **values: Any) -> Key | None:
    source = idempotency.KeySource(template=environment.compile_value(template))
    return key_of(source, CIMultiDict([("Idempotency-Key", "x")]), lambda: {"web1": values}, SENT, environment.DEFAULT)


def test_a_request_without_one_of_the_headers_has_no_key() -> None:
    assert by_headers(("X-Other", "1")) is None


def test_the_first_of_the_headers_counts() -> None:
    own = by_headers(("idempotency-key", "a"))

    assert own == by_headers(("X-GitHub-Delivery", "b"), ("Idempotency-Key", "a"))
    assert own == by_headers(("X-GitHub-Delivery", "a"))
    assert own != by_headers(("X-GitHub-Delivery", "b"))


@pytest.mark.parametrize("values", [[""], ["a" * 256], ["a", "b"], ["a", "a"]])
def test_a_header_that_is_no_key_is_refused(values: list[str]) -> None:
    with pytest.raises(errors.InvalidPayload, match="Send one header Idempotency-Key, of 1 to 255 characters, or none"):
        by_headers(*(("Idempotency-Key", value) for value in values))


def test_any_header_that_a_server_lets_in_can_be_a_key() -> None:
    assert by_headers(("Idempotency-Key", "ä\udcff")) != by_headers(("Idempotency-Key", "ä"))


@pytest.mark.parametrize(
    "other",
    [
        Sent("PUT", "a=1", SENT.body),
        Sent("POST", "a=2", SENT.body),
        Sent("POST", "", b"a=1" + SENT.body),
        Sent("POST", "a=1", b'{"b":2}'),
        Sent("POST", "a=1", b""),
    ],
)
def test_method_query_and_body_make_the_request(other: Sent) -> None:
    one, another = by_headers(("Idempotency-Key", "k")), by_headers(("Idempotency-Key", "k"), sent=other)

    assert one is not None
    assert another is not None
    assert one.digest == another.digest
    assert one.request != another.request


def test_neither_key_nor_request_is_kept_as_it_is() -> None:
    key = by_headers(("Idempotency-Key", "a-secret"), sent=Sent("POST", "", b"personal"))

    assert key is not None
    assert (len(key.digest), len(key.request)) == (32, 32)
    assert "secret" not in repr(key)


def test_a_template_makes_the_key_and_no_header_does() -> None:
    assert by_template("{{ web1.order }}", order="x") == by_headers(("Idempotency-Key", "x"))
    assert by_template("{{ web1.order }}", order=7) == by_headers(("Idempotency-Key", "7"))
    assert by_template("o-{{ web1.order }}", order=7) == by_headers(("Idempotency-Key", "o-7"))


@pytest.mark.parametrize("order", ["", None])
def test_a_template_that_renders_to_nothing_makes_no_key(order: Any) -> None:
    assert by_template("{{ web1.order }}", order=order) is None


@pytest.mark.parametrize("order", [True, [1], {"a": 1}, "a" * 256])
def test_a_template_that_renders_to_no_short_text_is_refused(order: Any) -> None:
    with pytest.raises(errors.InvalidPayload, match="must be a text of at most 255 characters"):
        by_template("{{ web1.order }}", order=order)


def test_a_template_that_does_not_render_is_refused() -> None:
    with pytest.raises(errors.InvalidPayload, match="cannot be made from this request"):
        by_template("{{ web1.order.id }}", other=1)
