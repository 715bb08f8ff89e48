"""Bodies, queries, cursors and entity tags."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from libs.common import errors
from services.debugger.api import cursors, etags, inputs, models
from services.debugger.flow_store import Flow, FlowPlace
from services.debugger.run_store import RunFilter

FLOW_ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
AT = datetime(2026, 11, 25, 1, 2, 3, 456789, UTC)


def asked(query: str) -> web.Request:
    return make_mocked_request("GET", f"/v1/runs?{query}")


def faults_of(refused: pytest.ExceptionInfo[errors.InvalidRequest]) -> list[str]:
    return [fault["path"] for fault in refused.value.data["faults"]]


def test_empty_parameters_are_absent_ones() -> None:
    query = inputs.query(asked("flow_id=&status=&since=&cursor="), models.RunQuery)

    assert query == models.RunQuery()


def test_parameters_are_read_as_what_they_are() -> None:
    query = inputs.query(asked("status=error&since=2026-11-25T00:00:00Z&limit=7"), models.RunQuery)

    assert (query.status, query.since, query.limit) == ("error", datetime(2026, 11, 25, tzinfo=UTC), 7)


def test_every_fault_of_a_query_is_told_at_once() -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        inputs.query(asked("flow_id=7&status=done&since=yesterday&limit=0&page=2&until=x&until=y"), models.RunQuery)

    assert sorted(faults_of(refused)) == sorted(["flow_id", "status", "since", "limit", "page", "until", "until"])


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest) as refused:
        inputs.query(asked("since=2026-11-25T00:00:00"), models.RunQuery)

    assert faults_of(refused) == ["since"]


@pytest.mark.parametrize("place", [FlowPlace(AT, FLOW_ID), 7])
def test_a_cursor_leads_back_to_its_place(place: Any) -> None:
    assert cursors.read(cursors.write(place), type(place)) == place


@pytest.mark.parametrize("text", ["x", "!!!!", "bm9uc2Vuc2U", cursors.write([1, 2]), "\u00e4", cursors.write("7")])
def test_a_cursor_of_no_list_is_refused(text: Any) -> None:
    with pytest.raises(errors.InvalidRequest):
        cursors.read(text, UUID)


def flow(**changes: object) -> Flow:
    fields = {
        "id": FLOW_ID,
        "name": "A flow",
        "status": "active",
        "version": 3,
        "token_generation": 1,
        "previous_until": None,
        "created_at": AT,
        "updated_at": AT,
        "document": "{}",
    }
    return Flow(**{**fields, **changes})  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize("tag", ['"3-active"', "*", '"1-draft", "3-active"'])
def test_a_tag_of_the_present_state_lets_a_change_through(tag: Any) -> None:
    etags.require(make_mocked_request("PUT", "/", headers={"If-Match": tag}), flow())


@pytest.mark.parametrize("tag", ['"2-active"', '"3-paused"', 'W/"3-active"', "3-active", ""])
def test_a_tag_of_another_state_stops_it(tag: Any) -> None:
    with pytest.raises(errors.PreconditionFailed):
        etags.require(make_mocked_request("PUT", "/", headers={"If-Match": tag}), flow())


@pytest.mark.parametrize("given", [None, "application/json", "application/json; charset=utf-8"])
def test_a_body_is_json_unless_it_says_otherwise(given: Any) -> None:
    assert inputs.media(make_mocked_request("POST", "/", headers={"Content-Type": given} if given else {})) == "json"


def test_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        inputs.media(make_mocked_request("POST", "/", headers={"Content-Type": "text/plain"}))


def test_times_and_cursors_bound_the_ids_of_runs() -> None:
    wanted = RunFilter(since_ms=1_000, until_ms=2_000, before=str(UUID(int=1_500 << 80)))

    assert wanted.first == UUID(int=1_000 << 80)
    assert wanted.end == UUID(int=1_500 << 80)
    assert RunFilter(since_ms=-5, until_ms=2**60).first == UUID(int=0)
