"""What the reference page of webhooks says, line by line; docs/reference/webhook-promises.md lists line and test."""

import asyncio
from typing import Any

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import document
from services.gateway.config import GatewaySettings
from services.gateway.flows import Flow
from tests.unit.gateway import samples
from tests.unit.gateway.world import World

COMPANY = b'{"company_id": 123456}'


def default(setting: str) -> Any:
    return GatewaySettings.model_fields[setting].default


def says(body: Any, status: Any = 200) -> Flow:
    """Return a flow that is answered at once, from what the webhook step holds."""
    return samples.flow(saved=samples.document(**{"async": True, "response": {"status": status, "body": body}}))


def test_a_webhook_must_always_be_the_first_step_in_your_flow() -> None:
    steps = [{"ref": "a", "type": "dict", "with": {"b": 1}}, {"ref": "web1", "type": "webhook"}]

    with pytest.raises(errors.InvalidFlow) as caught:
        document.load(msgspec.json.encode({"name": "A flow", "steps": steps}), media="json")

    assert [fault.path for fault in caught.value.faults] == ["steps[1].type"]


async def test_a_webhook_url_ends_in_flow_webhook_and_the_flow_id(world: World) -> None:
    flow = world.save(samples.flow())
    headers = {"Authorization": f"Bearer {samples.token(flow.id)}"}

    reply = await world.send("POST", f"/v1/flow-webhook/{flow.id}", headers=headers)

    assert reply.status == 200


async def test_300_requests_from_the_same_address_for_multiple_flows_then_429_with_retry_after() -> None:
    """The rate limit is 300 requests from the same IP address, for multiple flows, within a 5-minute window."""
    world = World(rate_limit=default("rate_limit"))
    await world.start()
    flows = [world.save(samples.flow(flow_id)) for flow_id in (samples.FLOW_ID, samples.OTHER_ID)]

    replies = [await world.call(flows[number % 2]) for number in range(301)]

    await world.stop()
    assert default("rate_window_seconds") == 300
    assert [reply.status for reply in replies] == [200] * 300 + [429]
    assert 0 < int(replies[-1].headers["Retry-After"]) <= 300


@pytest.mark.parametrize("status", ["draft", "active"])
async def test_webhooks_work_on_the_flow_status_draft_or_active(world: World, status: str) -> None:
    flow = world.save(samples.flow(status=status))

    assert (await world.call(flow, data=COMPANY)).json == {"company_id": 123456}


async def test_they_do_not_work_on_status_paused_and_the_request_is_not_stored(world: World) -> None:
    flow = world.save(samples.flow(status="paused"))

    reply = await world.call(flow)

    assert reply.json["message"] == "Flow status is `paused`. Unpause to run this flow using a webhook"
    assert world.runs.empty()
    assert world.events.empty()


async def test_a_secret_bearer_token_of_more_than_50_characters_needs_to_be_passed_in_the_header(world: World) -> None:
    flow = world.save(samples.flow())
    token = samples.token()

    replies = [await world.call(flow, headers={"Authorization": value}) for value in (f"Bearer {token}", token)]

    assert token.startswith("ey")
    assert len(token) > 50
    assert [reply.status for reply in replies] == [200, 401]


async def test_web1_company_id_of_the_request_body_will_result_in_123456(world: World) -> None:
    flow = world.save(says("{{ web1.company_id }}"))

    assert (await world.call(flow, data=COMPANY)).json == 123456


async def test_the_same_applies_for_query_parameters(world: World) -> None:
    flow = world.save(says("{{ web1.value_1 }} {{ web1.value_2 }}"))

    assert (await world.call(flow, query="?value_1=123&value_2=test")).body == b"123 test"


async def test_request_body_and_query_parameters_are_in_the_same_input_dictionary(world: World) -> None:
    flow = world.save(samples.flow())

    assert (await world.call(flow, query="?value_1=123", data=COMPANY)).json == {"value_1": "123", "company_id": 123456}


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml"])
async def test_xml_is_automatically_converted_to_json(world: World, content_type: str) -> None:
    flow = world.save(samples.flow())

    reply = await world.call(flow, data=b"<a><b>1</b></a>", headers={"Content-Type": content_type})

    assert reply.json == {"a": {"b": "1"}}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_all_other_content_types_or_none_expect_json_or_form_data(world: World, content_type: str) -> None:
    flow = world.save(samples.flow())
    headers = {"Content-Type": content_type}

    replies = [await world.call(flow, data=body, headers=headers) for body in (b'{"a": "1"}', b"a=1")]

    assert [reply.json for reply in replies] == [{"a": "1"}] * 2


async def test_two_responses_can_be_determined_the_status_code_and_the_value(world: World) -> None:
    flow = world.save(says({"taken": True}, status=202))

    reply = await world.call(flow)

    assert (reply.status, reply.json) == (202, {"taken": True})


@pytest.mark.parametrize(("sent", "answered"), [(b'{"value": 7}', 7), (b"{}", {"valid": False})])
async def test_responses_can_be_in_jinja2_with_valid_false_otherwise(world: World, sent: bytes, answered: Any) -> None:
    flow = world.save(says('{% if web1.value is defined %}{{ web1.value }}{% else %}{"valid": false}{% endif %}'))

    assert (await world.call(flow, data=sent)).json == answered


@pytest.mark.parametrize("status", [99, 1000, "ok"])
def test_the_response_status_code_should_be_a_three_digit_http_status_code(status: Any) -> None:
    first = {"ref": "web1", "type": "webhook", "with": {"response": {"status": status}}}

    with pytest.raises(errors.InvalidFlow):
        document.load(msgspec.json.encode({"name": "A flow", "steps": [first]}), media="json")


async def test_async_will_immediately_respond_200_and_then_schedule_the_flow_to_run(world: World) -> None:
    world.answer = lambda _: None
    flow = world.save(samples.flow(saved=samples.document(**{"async": True})))

    reply = await world.call(flow, data=COMPANY)

    async with asyncio.timeout(45):
        run = await world.runs.get()
    assert (reply.status, reply.run_id) == (200, run.run_id)


async def test_sync_requests_will_time_out_after_30_seconds_and_reply_with_a_408() -> None:
    world = World(sync_timeout_seconds=0.05)
    world.answer = lambda _: None
    await world.start()
    flow = world.save(samples.flow())

    reply = await world.call(flow)

    await world.stop()
    assert default("sync_timeout_seconds") == 30
    assert reply.status == 408


@pytest.mark.parametrize("more", ["/", "/more", ".json"])
async def test_the_url_path_cannot_be_extended_or_modified_and_will_receive_a_404(world: World, more: str) -> None:
    flow = world.save(samples.flow())

    assert (await world.send("POST", f"/v1/flow-webhook/{flow.id}{more}")).status == 404
