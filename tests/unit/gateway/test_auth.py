import jwt
import pytest

from libs.common import errors
from services.gateway import auth
from services.gateway.flows import Flow
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.signatures import Signatures
from tests.unit.gateway import samples


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authorization(clock: Clock) -> auth.Authorization:
    tokens = PersonalTokens(limit=10, clock_ms=clock)
    tokens.connected()
    return auth.Authorization(auth.WebhookTokens(samples.KEY, clock_ms=clock), tokens, Signatures(clock_ms=clock))


async def opens(authorization: auth.Authorization, flow: Flow, *headers: str) -> bool:
    try:
        await authorization.check(flow, "token", headers)
    except errors.Unauthorized:
        return False
    return True


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_flows_token_opens_it(authorization: auth.Authorization, scheme: str) -> None:
    assert await opens(authorization, samples.flow(), f"{scheme} {samples.token()}")
    assert await opens(authorization, samples.flow(), f"{scheme} {samples.token()}")  # from memory


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  {token}",
        "Bearer\t{token}",
        "Bearer {token} x",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer \udcff",
        "Bearer " + "e" * 5000,
        "Bearer eyJhbGciOiJub25lIn0.eyJmbG93IjoieCIsImdlbiI6MX0.",
    ],
)
async def test_nothing_else_does(authorization: auth.Authorization, header: str) -> None:
    assert not await opens(authorization, samples.flow(), header.format(token=samples.token()))


async def test_a_refusal_names_the_scheme(authorization: auth.Authorization) -> None:
    for headers in ((), ("Bearer x",)):
        with pytest.raises(errors.Unauthorized) as refusal:
            await authorization.check(samples.flow(), "token", headers)

        assert refusal.value.headers == {"WWW-Authenticate": "Bearer"}


async def test_one_header_is_needed_not_two(authorization: auth.Authorization) -> None:
    header = f"Bearer {samples.token()}"

    assert not await opens(authorization, samples.flow())
    assert not await opens(authorization, samples.flow(), header, header)


async def test_a_token_opens_no_other_flow(authorization: auth.Authorization) -> None:
    header = f"Bearer {samples.token()}"

    assert await opens(authorization, samples.flow(), header)
    assert not await opens(authorization, samples.flow(samples.OTHER_ID), header)


async def test_a_token_of_another_algorithm_or_installation_opens_nothing(authorization: auth.Authorization) -> None:
    claims = {"flow": samples.FLOW_ID, "gen": 1}

    for forged in (jwt.encode(claims, "x" * 64, "HS256"), jwt.encode(claims, samples.KEY * 2, "HS512")):
        assert not await opens(authorization, samples.flow(), f"Bearer {forged}")


async def test_rotating_closes_the_old_token_at_once(authorization: auth.Authorization) -> None:
    header = f"Bearer {samples.token(generation=1)}"
    assert await opens(authorization, samples.flow(generation=1), header)

    rotated = samples.flow(generation=2)

    assert not await opens(authorization, rotated, header)
    assert await opens(authorization, rotated, f"Bearer {samples.token(generation=2)}")


async def test_an_overlap_ends_when_it_ends(authorization: auth.Authorization, clock: Clock) -> None:
    rotated = samples.flow(generation=2, previous_generation=1, previous_until_ms=clock.now_ms + 1)
    header = f"Bearer {samples.token(generation=1)}"
    assert await opens(authorization, rotated, header)

    clock.now_ms += 1

    assert not await opens(authorization, rotated, header)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(auth, "MAX_VERIFIED", 2)
    tokens = auth.WebhookTokens(samples.KEY, clock_ms=clock)

    for number in range(5):
        flow = samples.flow(f"{number:08}-2222-4333-8444-555555555555")
        assert tokens(samples.token(flow.id), flow)

    assert len(tokens._verified) == 2


async def test_a_flow_without_authorization_is_open(authorization: auth.Authorization) -> None:
    await authorization.check(samples.flow(), "none", ())


@pytest.mark.parametrize("scheme", ["", "Token", None, {"hmac": {}}])
async def test_a_scheme_that_is_not_known_opens_nothing(authorization: auth.Authorization, scheme: object) -> None:
    with pytest.raises(errors.Unauthorized):
        await authorization.check(samples.flow(), scheme, (f"Bearer {samples.token()}",))
