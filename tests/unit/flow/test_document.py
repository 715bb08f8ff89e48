"""What is a flow document, and what is wrong with those that are none."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common import errors
from libs.common.flow import document
from libs.common.templating import source
from tests.unit.flow.documents import COMPANY_LOOKUP, faults, faults_of, load, of_steps

WEBHOOK = {"ref": "web1", "type": "webhook"}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text().filter(lambda text: not source.is_template(text)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_document_of_the_specification_is_read_whole() -> None:
    flow = document.load(COMPANY_LOOKUP, media="yaml")

    assert (flow.name, flow.status, flow.settings.max_duration) == ("Company lookup", "active", 900)
    assert [step.head.ref for step in flow.all_steps()] == ["web1", "crm", "big", "score", "score"]
    assert [step.path for step in flow.all_steps()][-1] == "steps[2].else[0]"


def test_yaml_document_is_the_same_as_json() -> None:
    flow = document.load(COMPANY_LOOKUP, media="yaml")

    assert document.load(flow.to_json(), media="json") == flow


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4), st.text(min_size=1, max_size=9))
def test_document_reads_back_as_it_was_written(dicts: list[dict[str, Any]], title: str) -> None:
    steps = [{"ref": f"d{number}", "type": "dict", "title": title, "with": given} for number, given in enumerate(dicts)]

    flow = load(*steps)

    assert document.load(flow.to_json(), media="json") == flow
    assert [step.with_ for step in flow.steps] == dicts


def test_defaults_are_written_out_where_they_concern_the_whole_flow() -> None:
    plain = msgspec.json.decode(load().to_json())

    assert plain == {
        "name": "A flow",
        "status": "draft",
        "settings": {
            "retries": True,
            "log_steps": True,
            "retention_days": 30,
            "error_flow": None,
            "max_duration": 900,
        },
        "steps": [],
    }


def test_every_fault_is_told_at_once_with_its_place() -> None:
    with pytest.raises(errors.InvalidFlow) as raised:
        document.load(
            "name: ''\n"
            "settings: {retention_days: 4}\n"
            "steps:\n"
            "  - {ref: run, type: loops}\n"
            "  - ref: a\n"
            "    type: if\n"
            "    with: {op: bigger, a: '{{ x'}\n"
            "    extra: 1\n",
            media="yaml",
        )

    assert [(fault.path, fault.line, fault.column) for fault in raised.value.faults] == [
        ("name", 1, 1),
        ("settings.retention_days", 2, 12),
        ("steps[0].ref", 4, 6),
        ("steps[0].type", 4, 16),
        ("steps[1].with.op", 7, 12),
        ("steps[1].with.a", 7, 24),
        ("steps[1].extra", 8, 5),
    ]


def test_fault_of_a_missing_key_stands_at_what_lacks_it() -> None:
    with pytest.raises(errors.InvalidFlow) as raised:
        document.load("name: x\nsteps:\n  - ref: a\n    type: http\n    with: {timeout: 3}\n", media="yaml")

    assert str(raised.value) == "steps[0].with.url: is missing (line 5, column 5)"


def test_unknown_type_lists_those_that_exist() -> None:
    found = faults_of({"ref": "a", "type": "loops"})

    assert found == {
        "steps[0].type": "there is no step type `loops`; there are delay, dict, http, if, terminate, webhook"
    }


def test_unknown_keys_are_refused_and_the_known_ones_named() -> None:
    found = faults_of({**WEBHOOK, "with": {"colours": [], "sizes": {}}}, colour="red")

    assert found == {
        "colour": "is not known here; there are id, name, status, settings, steps",
        "steps[0].with.colours": "is not known here; there are auth, async, response, allow_ips, idempotency, cors",
        "steps[0].with.sizes": "is not known here; there are auth, async, response, allow_ips, idempotency, cors",
    }


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"type": "http", "with": {"url": "ftp://x"}}, "url", "must begin with http:// or https:// and a host"),
        ({"type": "http", "with": {"url": "https://x", "timeout": 301}}, "timeout", "must be at most 300"),
        ({"type": "http", "with": {"url": "https://x", "timeout": "3"}}, "timeout", "must be a number"),
        ({"type": "http", "with": {"url": "https://x", "method": "get"}}, "method", "must be one of 'GET'"),
        ({"type": "http", "with": {"url": 3}}, "url", "must be a text; put it in quotes"),
        ({"type": "http", "with": {"url": "https://x", "query": {}}}, "query", "is not known here"),
        ({"type": "if", "with": {"a": 1, "op": "equal"}}, "", "`b` is missing"),
        ({"type": "if", "with": {"a": 1, "op": "is", "b": 1}}, "op", "must be one of 'equal'"),
        ({"type": "delay", "with": {"seconds": -1}}, "seconds", "must be at least 0"),
        ({"type": "delay", "with": {"seconds": True}}, "seconds", "must be a number"),
        ({"type": "delay", "with": {}}, "seconds", "is missing"),
        ({"type": "terminate", "with": {"status": "ok"}}, "status", "must be one of 'success', 'error'"),
        ({"type": "webhook", "with": {"async": 1}}, "async", "must be true or false"),
        ({"type": "webhook", "with": {"response": {"status": 99}}}, "response.status", "must be three digits"),
        ({"type": "webhook", "with": {"response": {"status": "abc"}}}, "response.status", "must be three digits"),
        (
            {"type": "webhook", "with": {"response": {"headers": {"Set-Cookie": "a"}}}},
            "response.headers",
            "the header Set-Cookie would set cookies",
        ),
        (
            {"type": "webhook", "with": {"response": {"headers": {"X-A": "a\nb"}}}},
            "response.headers",
            "the header X-A holds a line break",
        ),
    ],
)
def test_fault_in_with(step: dict[str, Any], path: str, message: str) -> None:
    found = faults_of({"ref": "a", **step})

    place = f"steps[0].with.{path}" if path else "steps[0].with"
    assert list(found) == [place]
    assert found[place].startswith(message)


@pytest.mark.parametrize(
    "step",
    [
        {"type": "http", "with": {"url": "{{ web1.url }}", "method": "{{ web1.method }}", "timeout": "{{ web1.t }}"}},
        {"type": "http", "with": {"url": "HTTPS://x", "json": {"a": ["{{ web1 }}", None]}, "timeout": 0.5}},
        {"type": "if", "with": {"a": "{{ web1 }}", "op": "exists"}},
        {"type": "if", "with": {"a": 1, "op": "{{ web1.op }}", "b": None}, "then": []},
        {"type": "delay", "with": {"seconds": "{{ web1.s }}"}},
        {"type": "terminate"},
        {"type": "terminate", "with": {"status": "error", "response": {"status": "404", "body": {"a": 1}}}},
        {"type": "webhook", "with": {"auth": "none", "async": True, "response": {"status": "{{ a.status }}"}}},
        {"type": "dict", "with": {"with": 1, "type": [], "": None}},
    ],
)
def test_valid_step(step: dict[str, Any]) -> None:
    assert faults_of({"ref": "a", **step}) == {}


@pytest.mark.parametrize("ref", ["", "A", "1a", "a-b", "ä", "a b", "_a", "a" * 65])
def test_ref_with_other_characters_is_refused(ref: str) -> None:
    assert list(faults_of({"ref": ref, "type": "dict"})) == ["steps[0].ref"]


@pytest.mark.parametrize(
    "ref",
    [
        *("request", "flow", "run", "env", "now", "parent", "item", "index", "date_de_180", "error_message", "loop"),
        *("range", "true", "none", "not", "class", "lambda", "self"),
    ],
)
def test_reserved_name_is_refused(ref: str) -> None:
    assert "is reserved" in faults_of({"ref": ref, "type": "dict"})["steps[0].ref"]


def test_ref_twice_is_refused_and_the_first_one_named() -> None:
    inner = {"ref": "a", "type": "if", "with": {"a": 1, "op": "exists"}, "then": [{"ref": "b", "type": "dict"}]}

    found = faults_of(inner, {"ref": "b", "type": "dict"}, {"ref": "a", "type": "dict"})

    assert found == {
        "steps[1].ref": "`b` is the ref of steps[0].then[0] already",
        "steps[2].ref": "`a` is the ref of steps[0] already",
    }


def test_branches_share_refs_with_each_other_and_with_nothing_before_them() -> None:
    def branch(*refs: str) -> list[dict[str, Any]]:
        return [{"ref": ref, "type": "dict"} for ref in refs]

    found = faults_of(
        {"ref": "a", "type": "dict"},
        {
            "ref": "b",
            "type": "if",
            "with": {"a": 1, "op": "exists"},
            "then": branch("c", "d"),
            "else": branch("d", "c", "a", "b"),
        },
    )

    assert list(found) == ["steps[1].else[2].ref", "steps[1].else[3].ref"]


def test_webhook_stands_first_and_once() -> None:
    nested = {"ref": "a", "type": "if", "with": {"a": 1, "op": "exists"}, "then": [{"ref": "b", "type": "webhook"}]}

    assert faults_of({"ref": "a", "type": "dict"}, WEBHOOK) == {
        "steps[1].type": "a webhook step is always the first step of its flow"
    }
    assert list(faults_of(nested)) == ["steps[0].then[0].type"]
    assert faults_of(WEBHOOK, {"ref": "b", "type": "webhook"}) == {
        "steps[1].type": "a flow has at most one webhook step"
    }


def test_on_error_fits_the_kind_of_step() -> None:
    condition = {"a": 1, "op": "exists"}

    found = faults_of(
        {"ref": "a", "type": "if", "with": condition, "on_error": "continue"},
        {"ref": "b", "type": "dict", "on_error": "skip"},
        {"ref": "c", "type": "dict", "on_error": "break"},
        {"ref": "d", "type": "dict", "on_error": "stop"},
        {"ref": "e", "type": "dict", "on_error": "continue"},
    )

    assert list(found) == [f"steps[{number}].on_error" for number in (3, 0, 1, 2)]


@pytest.mark.parametrize("days", [0, 1, 7, 30, 90, 365])
def test_retention_classes(days: int) -> None:
    assert load(settings={"retention_days": days}).settings.retention_days == days


@pytest.mark.parametrize(
    ("settings_", "path"),
    [
        ({"retention_days": 2}, "retention_days"),
        ({"retention_days": True}, "retention_days"),
        ({"retention_days": "30"}, "retention_days"),
        ({"max_duration": 0}, "max_duration"),
        ({"error_flow": "x"}, "error_flow"),
        ({"retries": None}, "retries"),
    ],
)
def test_settings_are_strict(settings_: dict[str, Any], path: str) -> None:
    assert list(faults_of(settings=settings_)) == [f"settings.{path}"]


@pytest.mark.parametrize(
    "source_", [b"", b"[", b'"x"', b"3", b'{"name": NaN}', b'{"name": "\\ud800"}', b"\xff", b"{} {}"]
)
def test_what_is_no_json_object_is_one_fault(source_: bytes) -> None:
    assert list(faults(source_, media="json")) == [""]


def test_json_syntax_fault_bears_its_place() -> None:
    with pytest.raises(errors.InvalidFlow) as raised:
        document.load('{"name": "x",\n  "steps": [}', media="json")

    assert (raised.value.faults[0].line, raised.value.faults[0].column) == (2, 13)


def test_json_key_twice_is_refused() -> None:
    assert "stands twice" in faults(b'{"name": "x", "name": "y", "steps": []}', media="json")[""]


def test_deep_json_is_refused() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]

    assert "deeper" in faults_of({"ref": "a", "type": "dict", "with": {"x": deep}})[""]
    assert list(faults(b'{"name":' + b"[" * 100_000, media="json")) == [""]


def test_long_document_is_refused() -> None:
    assert "bytes" in faults_of({"ref": "a", "type": "dict", "with": {"x": "y" * 1_048_576}})[""]


def test_templates_of_a_flow_are_bounded_together() -> None:
    steps = [{"ref": f"d{number}", "type": "dict", "with": {"x": "{{ 1 }}" + "y" * 16_000}} for number in range(20)]

    found = faults_of(*steps)

    assert list(found) == ["steps[16]"]


def test_too_many_steps_are_refused_once() -> None:
    found = faults(of_steps(*[{"ref": f"d{number}", "type": "dict"} for number in range(1003)]), media="json")

    assert found == {"steps[1000]": "a flow has at most 1000 steps"}


@pytest.mark.parametrize("steps", [None, {}, "x"])
def test_steps_must_be_a_list(steps: Any) -> None:
    source_ = msgspec.json.encode({"name": "x", "steps": steps})

    assert faults(source_, media="json") == {"steps": "must be a list of steps"}


def test_steps_are_required() -> None:
    assert faults("name: x") == {"steps": "is missing"}
