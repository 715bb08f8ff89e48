"""A personal access token opens webhooks: which ones, until when, and what is known while nobody can be asked."""

import asyncio
from typing import Any

import pytest

from libs.common import errors, personal_tokens
from services.gateway import personal_tokens as cache
from services.gateway.personal_tokens import PersonalToken, PersonalTokens
from tests.unit.gateway import samples
from tests.unit.gateway.world import World

TEXT = "fh_pat_known"
NOW_MS = 1_000_000


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> PersonalTokens:
    return PersonalTokens(limit=3, clock_ms=clock)


def token(text: str = TEXT, **changes: Any) -> PersonalToken:
    fields = {"id": f"id of {text}", "digest": personal_tokens.digest(text), "opens": True}
    return PersonalToken(**{**fields, **changes})


async def asked(tokens: PersonalTokens, *found: PersonalToken) -> list[bytes]:
    """Answer the next question."""
    async with asyncio.timeout(2):
        await tokens.wanting.wait()
    digests, ids = tokens.wanted(100)
    tokens.put(digests, ids, found)
    return digests


@pytest.mark.parametrize(
    ("scopes", "suffices"),
    [
        (("automation",), True),
        (("automation.manage",), True),
        (("automation:manage",), True),
        (("automation.webhook_run",), True),
        (("automation:webhook_run",), True),
        (("automation.view",), False),
        (("automation:view",), False),
        (("automation.view", "automation.webhook_run"), True),
        (("automation.", "dashboard", "automation.webhook_run.x", ""), False),
        ((), False),
    ],
)
def test_three_scopes_open_webhooks_with_a_dot_or_a_colon(scopes: tuple[str, ...], suffices: bool) -> None:
    assert personal_tokens.open_webhooks(scopes) is suffices


async def test_a_known_token_opens_without_a_question_also_while_nobody_can_be_asked(tokens: PersonalTokens) -> None:
    tokens.reconcile([token()])

    assert await tokens.opens(TEXT)
    assert not tokens.wanting.is_set()


async def test_a_token_whose_scopes_do_not_suffice_is_forbidden(tokens: PersonalTokens) -> None:
    tokens.reconcile([token(opens=False)])

    with pytest.raises(errors.Forbidden, match="webhook_run"):
        await tokens.opens(TEXT)


async def test_a_token_opens_until_it_runs_out_whatever_its_scopes(tokens: PersonalTokens, clock: Clock) -> None:
    tokens.reconcile([token(expires_at_ms=NOW_MS + 1), token("fh_pat_view", opens=False, expires_at_ms=NOW_MS + 1)])
    assert await tokens.opens(TEXT)

    clock.now_ms += 1

    assert not await tokens.opens(TEXT)
    assert not await tokens.opens("fh_pat_view")


async def test_an_unknown_token_is_asked_for_once_by_all_who_bear_it(tokens: PersonalTokens) -> None:
    tokens.connected()
    askers = [asyncio.ensure_future(tokens.opens(TEXT)) for _ in range(5)]

    assert await asked(tokens, token()) == [personal_tokens.digest(TEXT)]

    assert await asyncio.gather(*askers) == [True] * 5
    assert await tokens.opens(TEXT)


async def test_one_that_does_not_exist_is_remembered_for_a_moment(tokens: PersonalTokens, clock: Clock) -> None:
    tokens.connected()
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await asked(tokens)
    assert not await asker

    assert not await tokens.opens(TEXT)
    clock.now_ms += cache.ABSENT_FOR_MS
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await asked(tokens, token())

    assert await asker


async def test_one_that_is_made_right_after_somebody_tried_it_opens(tokens: PersonalTokens) -> None:
    tokens.connected()
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await asked(tokens)
    await asker

    tokens.changed("id of it")
    await asked(tokens, token(id="id of it"))

    assert await tokens.opens(TEXT)


async def test_what_does_not_look_like_a_token_is_never_asked_for(tokens: PersonalTokens) -> None:
    tokens.connected()

    assert not await tokens.opens("eyJhbGciOiJIUzI1NiJ9.eyJmbG93IjoieCJ9.x")
    assert not tokens.wanting.is_set()


async def test_while_nobody_can_be_asked_an_unknown_token_is_unavailable(tokens: PersonalTokens) -> None:
    with pytest.raises(errors.Unavailable):
        await tokens.opens(TEXT)

    tokens.connected()
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await tokens.wanting.wait()
    tokens.disconnected()

    with pytest.raises(errors.Unavailable):
        await asker


async def test_too_many_questions_are_not_asked(tokens: PersonalTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ASKED", 1)
    tokens.connected()
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await tokens.wanting.wait()

    with pytest.raises(errors.Unavailable):
        await tokens.opens("fh_pat_another")

    await asked(tokens, token())
    assert await asker


@pytest.mark.parametrize("found", [(), (token("fh_pat_new", id=token().id),)])
async def test_a_token_that_was_revoked_or_regenerated_opens_nothing(
    tokens: PersonalTokens, found: tuple[PersonalToken, ...]
) -> None:
    tokens.connected()
    tokens.reconcile([token()])

    tokens.changed(token().id)
    await asked(tokens, *found)
    asker = asyncio.ensure_future(tokens.opens(TEXT))
    await asked(tokens)

    assert not await asker
    assert len(tokens) == len(found)


async def test_what_is_missed_is_repaired_by_reading_all_again(tokens: PersonalTokens) -> None:
    tokens.reconcile([token(), token("fh_pat_b")])

    tokens.reconcile([token("fh_pat_b")])

    assert len(tokens) == 1
    assert await tokens.opens("fh_pat_b")


async def test_the_cache_is_bounded_and_forgets_the_oldest(
    tokens: PersonalTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_ABSENT", 2)
    tokens.reconcile([token(f"fh_pat_{number}") for number in range(5)])
    tokens.put([bytes([number]) for number in range(5)], [], [])

    assert len(tokens) == 3
    assert await tokens.opens("fh_pat_4")
    assert len(tokens._absent) <= 2


async def test_a_use_is_told_of_at_most_once_a_minute(tokens: PersonalTokens, clock: Clock) -> None:
    tokens.reconcile([token()])
    for _ in range(3):
        await tokens.opens(TEXT)
    assert tokens.take_used() == {token().id: NOW_MS}

    clock.now_ms += cache.USED_EVERY_MS - 1
    await tokens.opens(TEXT)
    assert tokens.take_used() == {}

    clock.now_ms += 1
    await tokens.opens(TEXT)
    assert tokens.take_used() == {token().id: clock.now_ms}


async def test_personal_access_tokens_can_be_used_instead_of_the_flows_own(world: World) -> None:
    flow = world.save(samples.flow())
    world.tokens.reconcile([token(), token("fh_pat_view", opens=False)])

    replies = [
        await world.call(flow, headers={"Authorization": f"Bearer {text}"}) for text in (TEXT, "fh_pat_view", "fh_pat")
    ]

    assert [reply.status for reply in replies] == [200, 403, 401]
    assert [reply.json.get("error") for reply in replies[1:]] == ["forbidden", "unauthorized"]
    assert TEXT not in repr(await world.runs.get())
