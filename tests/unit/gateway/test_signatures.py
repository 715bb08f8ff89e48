"""Requests that vendors' own libraries sign, or that vendors publish: accepted, and refused once a byte differs."""

import base64
import gzip
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import slack_sdk.signature
import standardwebhooks
import stripe
from multidict import CIMultiDict

from libs.common import errors
from libs.common.flow import signing
from services.gateway.signatures import Signatures
from tests.unit.gateway import samples
from tests.unit.gateway.world import World

NOW_S = 1_800_000_000
BODY = '{"id": 7, "name": "Käse", "n": [1, 2]}'
PLAIN = signing.Scheme("X-Signature")
TIMED = signing.Scheme("X-Signature", timestamp_header="X-Timestamp", signed="{timestamp}.{body}")


@dataclass(frozen=True)
class Sent:
    """A signed request."""

    scheme: signing.Scheme
    secret: str
    headers: Mapping[str, str]
    body: bytes
    now_s: float = NOW_S

    def opens(self, *secrets: str) -> bool:
        refusal = self.refusal(*secrets or (self.secret,))
        if refusal is None:
            return True
        assert refusal.headers == {"WWW-Authenticate": "HMAC"}
        assert self.secret not in refusal.message
        return False

    def refusal(self, *secrets: str) -> errors.Unauthorized | None:
        verifier = Signatures(clock_ms=lambda: int(self.now_s * 1000))
        try:
            verifier.check(self.scheme, secrets, CIMultiDict(self.headers), self.body)
        except errors.Unauthorized as refusal:
            return refusal
        return None


def by_stripe(secret: str = "whsec_test_secret", at_s: int = NOW_S) -> Sent:
    header = stripe.WebhookSignature.generate_signature_header(BODY, secret, at_s)
    return Sent(signing.PRESETS["stripe"], secret, {"Stripe-Signature": header}, BODY.encode())


def by_slack(secret: str = "8f742231b10e8888abcd99yyyzzz85a5", at_s: int = NOW_S) -> Sent:
    verifier = slack_sdk.signature.SignatureVerifier(secret)
    signature = verifier.generate_signature(timestamp=str(at_s), body=BODY)
    headers = {"X-Slack-Signature": str(signature), "X-Slack-Request-Timestamp": str(at_s)}
    return Sent(signing.PRESETS["slack"], secret, headers, BODY.encode())


def by_standard_webhooks(secret: str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", at_s: int = NOW_S) -> Sent:
    signature = standardwebhooks.Webhook(secret).sign("msg_1", datetime.fromtimestamp(at_s, UTC), BODY)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at_s), "webhook-signature": signature}
    return Sent(signing.PRESETS["standard_webhooks"], secret, headers, BODY.encode())


def as_github_documents_it() -> Sent:
    headers = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    return Sent(signing.PRESETS["github"], "It's a Secret to Everybody", headers, b"Hello, World!")


def as_slack_documents_it() -> Sent:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "X-Slack-Request-Timestamp": "1531420618",
    }
    return Sent(signing.PRESETS["slack"], "8f742231b10e8888abcd99yyyzzz85a5", headers, body, 1531420618)


def as_standard_webhooks_documents_it() -> Sent:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    return Sent(signing.PRESETS["standard_webhooks"], secret, headers, b'{"test": 2432232314}', 1614265330)


def as_published_for_shopify() -> Sent:
    headers = {"X-Shopify-Hmac-Sha256": "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="}
    body = b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}'
    return Sent(signing.PRESETS["shopify"], "test-webhook-secret", headers, body)


def by_hand(scheme: signing.Scheme = TIMED, secret: str = "a secret", body: bytes = b"{}", at_s: int = NOW_S) -> Sent:
    """Sign as a generic scheme says, written once more and without the product's code."""
    text = scheme.signed.replace("{timestamp}", str(at_s)).encode().replace(b"{body}", body)
    digest = hmac.new(secret.encode(), text, getattr(hashlib, scheme.algorithm))
    signature = digest.hexdigest() if scheme.encoding == "hex" else base64.b64encode(digest.digest()).decode()
    headers = {scheme.header: scheme.prefix + signature}
    if scheme.timestamp_header is not None:
        headers[scheme.timestamp_header] = str(at_s)
    return Sent(scheme, secret, headers, body)


ALL = (
    by_stripe,
    by_slack,
    by_standard_webhooks,
    as_github_documents_it,
    as_slack_documents_it,
    as_standard_webhooks_documents_it,
    as_published_for_shopify,
    by_hand,
)
each = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)


def changed_at(text: bytes) -> Iterator[bytes]:
    """Yield the text with each of its bytes changed, one at a time, in two ways; with one more, and with one less."""
    for position, byte in enumerate(text):
        for other in (byte ^ 1, 0x20 if byte != 0x20 else 0x21):
            yield text[:position] + bytes([other]) + text[position + 1 :]
    yield text + b"0"
    yield text[:-1]
    yield text[1:]


@each
def test_a_good_signature_opens(make: Callable[[], Sent]) -> None:
    assert make().opens()


@each
def test_a_body_with_one_byte_changed_does_not(make: Callable[[], Sent]) -> None:
    sent = make()

    assert not any(replace(sent, body=body).opens() for body in changed_at(sent.body))


@each
def test_a_header_with_one_byte_changed_does_not(make: Callable[[], Sent]) -> None:
    sent = make()

    for name, value in sent.headers.items():
        for changed in changed_at(value.encode()):
            headers = {**sent.headers, name: changed.decode("utf-8", "surrogateescape")}
            assert not replace(sent, headers=headers).opens(), (name, changed)


@each
def test_a_secret_with_one_byte_changed_does_not(make: Callable[[], Sent]) -> None:
    sent = make()
    secrets = [text.decode() for text in changed_at(sent.secret.encode()) if text.isascii()]

    # a base64 key has more than one way to be written; what matters is the key
    other = [secret for secret in secrets if _key(sent.scheme, secret) != _key(sent.scheme, sent.secret)]

    assert other
    assert not any(sent.opens(secret) for secret in other)


def _key(scheme: signing.Scheme, secret: str) -> bytes | None:
    try:
        return scheme.key(secret)
    except ValueError:
        return None


@each
def test_a_missing_or_doubled_header_opens_nothing(make: Callable[[], Sent]) -> None:
    sent = make()

    for name, value in sent.headers.items():
        fewer = CIMultiDict(sent.headers)
        del fewer[name]
        more = CIMultiDict(sent.headers)
        more.add(name, value)
        assert not replace(sent, headers=fewer).opens()
        assert not replace(sent, headers=more).opens()


@pytest.mark.parametrize("make", [by_stripe, by_slack, by_standard_webhooks, by_hand])
@pytest.mark.parametrize(
    ("away_s", "opens"), [(0, True), (300, True), (-300, True), (300.01, False), (-300.01, False), (1e9, False)]
)
def test_a_timestamp_counts_for_five_minutes_in_both_directions(
    make: Callable[[], Sent], away_s: float, opens: bool
) -> None:
    assert replace(make(), now_s=NOW_S + away_s).opens() is opens


def test_only_who_has_signed_is_told_that_the_time_is_wrong() -> None:
    late = replace(by_hand(), now_s=NOW_S + 301)

    told, stranger = late.refusal("a secret"), late.refusal("another")

    assert told is not None
    assert "300 seconds away" in told.message
    assert stranger is not None
    assert "does not match" in stranger.message


@each
def test_either_of_two_secrets_opens_while_they_are_rotated(make: Callable[[], Sent]) -> None:
    sent = make()
    other = "whsec_" + base64.b64encode(b"another key").decode()

    assert sent.opens(other, sent.secret)
    assert sent.opens(sent.secret, other)
    assert not sent.opens(other)


@each
def test_a_mask_or_no_secret_opens_nothing(make: Callable[[], Sent]) -> None:
    sent = make()

    assert not sent.opens("***")
    forged = by_hand(replace(PLAIN, header="X-Signature"), secret="***")
    assert not forged.opens("***")
    assert sent.refusal() is not None


def test_stripe_may_send_several_signatures_and_only_v1_counts() -> None:
    sent = by_stripe()
    time, _, good = sent.headers["Stripe-Signature"].partition(",v1=")

    def opens(header: str) -> bool:
        return replace(sent, headers={"Stripe-Signature": header}).opens()

    assert opens(f"{time},v1={'0' * 64},v1={good},v0={'1' * 64}")
    assert not opens(f"{time},v0={good}")
    assert not opens(f"{time},{time},v1={good}")
    assert not opens(f"v1={good}")


def test_standard_webhooks_may_send_several_signatures_and_only_v1_counts() -> None:
    sent = by_standard_webhooks()
    good = sent.headers["webhook-signature"]

    def opens(value: str) -> bool:
        return replace(sent, headers={**sent.headers, "webhook-signature": value}).opens()

    assert opens(f"v1,AAAA {good} v1a,BBBB")
    assert not opens(good.replace("v1,", "v1a,"))
    assert not opens(good.replace("v1,", "v2,"))
    assert not opens(" ".join(["v1,AAAA"] * 100 + [good]))


def test_standard_webhooks_secrets_are_base64_behind_an_optional_prefix_stripes_are_not() -> None:
    bare = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    assert by_standard_webhooks().opens(bare)
    assert by_standard_webhooks(bare).opens("whsec_" + bare)
    assert not by_stripe("whsec_" + bare).opens(bare)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sig="])
@pytest.mark.parametrize("signed", ["{body}", "{timestamp}.{body}", "v9:{body}:{timestamp}!"])
def test_a_scheme_that_is_written_out(algorithm: Any, encoding: Any, prefix: str, signed: str) -> None:
    timestamp_header = "X-Time" if "{timestamp}" in signed else None
    scheme = signing.Scheme("X-Sig", algorithm, encoding, prefix, timestamp_header, 10, signed)
    sent = by_hand(scheme, body=bytes(range(256)))

    assert sent.opens()
    assert not replace(sent, body=sent.body + b" ").opens()
    assert replace(sent, now_s=NOW_S + 11).opens() is (timestamp_header is None)


def test_hex_may_be_written_in_capitals_but_not_in_both() -> None:
    sent = by_hand(PLAIN)
    ((name, value),) = sent.headers.items()

    assert replace(sent, headers={name: value.upper()}).opens()
    assert not replace(sent, headers={name: value[:32].upper() + value[32:]}).opens()


@pytest.mark.parametrize("value", ["", "x", "+1800000000", " 1800000000", "1800000000.0", "1_800_000_000", "9" * 13])
def test_a_timestamp_is_a_whole_number_of_seconds(value: str) -> None:
    text = f"{value}.{{}}".encode()
    headers = {
        "X-Signature": hmac.new(b"a secret", text, hashlib.sha256).hexdigest(),
        "X-Timestamp": value,
    }

    assert not Sent(TIMED, "a secret", headers, b"{}").opens()


# --- through the endpoint


def signed_flow(world: World, secret: str = "a secret", **changes: Any) -> Any:
    auth = {"hmac": {"header": "X-Signature", "secrets": [secret]}}
    return world.save(samples.flow(saved=samples.document(auth=auth), **changes))


def signature(body: bytes, secret: bytes = b"a secret") -> dict[str, str]:
    return {"X-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest()}


async def test_a_signed_request_runs_and_its_secret_goes_nowhere(world: World) -> None:
    flow = signed_flow(world, "a-very-secret-secret")
    body = b'{"a": 1}'

    path = f"/v1/flow-webhook/{flow.id}"
    reply = await world.send("POST", path, data=body, headers=signature(body, b"a-very-secret-secret"))
    run = await world.runs.get()

    assert (reply.status, reply.json) == (200, {"a": 1})
    assert "a-very-secret-secret" not in repr(run) + repr(flow)
    assert b'"secrets":["***"]' in bytes(run.document)


async def test_a_token_opens_no_signed_flow(world: World) -> None:
    flow = signed_flow(world)

    reply = await world.call(flow, data=b"{}")

    assert (reply.status, reply.json["error"]) == (401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == "HMAC"
    assert world.runs.empty()


async def test_a_signature_is_over_the_bytes_as_they_came(world: World) -> None:
    flow = signed_flow(world)
    path = f"/v1/flow-webhook/{flow.id}"
    packed = gzip.compress(b'{"a": 1}')

    right = await world.send("POST", path, data=packed, headers={**signature(packed), "Content-Encoding": "gzip"})
    wrong = await world.send("POST", path, data=packed, headers={**signature(b'{"a": 1}'), "Content-Encoding": "gzip"})

    assert (right.status, right.json) == (200, {"a": 1})
    assert wrong.status == 401


async def test_a_request_without_a_body_can_be_signed(world: World) -> None:
    flow = signed_flow(world)

    reply = await world.send("GET", f"/v1/flow-webhook/{flow.id}?a=1", headers=signature(b""))

    assert (reply.status, reply.json) == (200, {"a": "1"})


async def test_for_a_signature_the_size_is_checked_first_and_then_the_pause(world: World) -> None:
    flow = signed_flow(world)
    paused = signed_flow(world, status="paused")

    large = await world.call(flow, data=b"x" * 2_000_000)
    unsigned = await world.call(paused, data=b"no json")
    signed = await world.call(paused, data=b"no json", headers=signature(b"no json"))
    not_json = await world.call(flow, data=b"{", headers=signature(b"{"))

    assert [reply.status for reply in (large, unsigned, signed, not_json)] == [413, 401, 200, 400]
    assert signed.json["error"] == "biz_logic"
