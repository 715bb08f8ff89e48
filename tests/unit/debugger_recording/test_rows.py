from typing import Any

import msgspec

from libs.common import messages
from services.debugger import folding, records, rows
from tests import factories


def column(name: str, *items: folding.Item) -> Any:
    runs: dict[str, records.RunRecord] = {}
    folding.fold(runs, items, factories.NOW_MS)
    arrays = dict(zip(rows.RUN_COLUMNS, rows.run_arrays(runs.values()), strict=True))
    return arrays[name][0]


def test_the_request_is_shown_with_secrets_masked_and_a_long_body_cut() -> None:
    request = factories.run_request(
        request=factories.http_request(headers={"a": "b"}, masked=("cookie",), body="x" * 70_000)
    )

    shown = msgspec.json.decode(column("request", request))

    assert shown["headers"] == {"a": "b", "cookie": "***"}
    assert shown["body"].endswith("… (cut, 70000 bytes)")


def test_an_input_is_recorded_exactly() -> None:
    data = b'{"n":12345678901234567890123,"z":"\\u0000","f":1.50}'

    assert column("input", factories.run_request(input=msgspec.Raw(data))) == data.decode()


def test_a_long_response_keeps_its_status_and_headers() -> None:
    request = factories.run_request()
    response = messages.Response(status=200, headers={"Content-Type": "text/plain"}, body="x" * 70_000)

    shown = msgspec.json.decode(column("response", request, factories.result(request.run_id, response=response)))

    assert shown["headers"] == {"Content-Type": "text/plain"}
    assert len(shown["body"]) < 70_000


def test_texts_bear_no_nul() -> None:
    assert column("flow_name", factories.run_request(flow_name="a\0b")) == "a\N{REPLACEMENT CHARACTER}b"


def test_the_steps_of_an_ended_run_are_not_journaled() -> None:
    request = factories.run_request()
    runs: dict[str, records.RunRecord] = {}
    folding.fold(runs, (request, factories.result(request.run_id, steps=(factories.step(),))), factories.NOW_MS)

    assert rows.journal_arrays(runs.values()) == ()
    assert len(rows.step_arrays(runs.values())[0]) == 1
