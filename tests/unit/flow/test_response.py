"""What a sender is answered."""

from typing import Any

import pytest

from libs.common import errors, messages
from libs.common.flow import response
from libs.common.flow.answer_settings import ResponseSettings

NAMES: dict[str, Any] = {
    "res": {"valid": True, "value": 'a"b', "status": 201, "list": [1]},
    "web1": {"name": "Ann", "evil": "a\r\nSet-Cookie: x=1", "html": "<script>"},
}


def render(**given: Any) -> messages.Response:
    template = response.ResponseTemplate.of(ResponseSettings.model_validate(given))
    return response.render_response(template, NAMES)


@pytest.mark.parametrize(
    ("body", "text", "kind"),
    [
        ('{% if res.valid %}{"valid": true, "value": {{ res.value | tojson }}}{% endif %}', None, "application/json"),
        ("{{ res.list }}", "[1]", "application/json"),
        ("{{ res.valid }}", "true", "application/json"),
        ("{{ web1.name }}", "Ann", "text/plain; charset=utf-8"),
        ("Hello {{ web1.name }}", "Hello Ann", "text/plain; charset=utf-8"),
        ("12", "12", "application/json"),
        ("", "", "text/plain; charset=utf-8"),
        ("{'a': 1}", "{'a': 1}", "text/plain; charset=utf-8"),
        ("NaN", "NaN", "text/plain; charset=utf-8"),
        (None, "null", "application/json"),
        ({"a": "{{ res.list }}", "b": None}, '{"a":[1],"b":null}', "application/json"),
    ],
)
def test_body_that_is_json_goes_out_as_json(body: Any, text: str | None, kind: str) -> None:
    answer = render(body=body)

    assert answer.headers["Content-Type"] == kind
    assert answer.body == (text if text is not None else '{"valid": true, "value": "a\\"b"}')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_body_the_answer_is_null() -> None:
    assert render() == messages.Response(
        status=200,
        headers={"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"},
        body="null",
    )


@pytest.mark.parametrize("status", [201, "201", "{{ res.status }}", "{{ 20 }}{{ 1 }}", " {{ res.status }}\n"])
def test_status_may_be_a_template(status: Any) -> None:
    assert render(status=status).status == 201


@pytest.mark.parametrize("status", ["{{ 199 }}", "{{ 600 }}", "{{ 'ok' }}", "{{ true }}", "{{ 200.0 }}", "{{ '' }}"])
def test_status_that_is_not_three_digits_fails(status: str) -> None:
    with pytest.raises(errors.TemplateError, match="must be three digits"):
        render(status=status)


@pytest.mark.parametrize("part", ["status", "body"])
def test_part_that_does_not_render_fails_by_its_name(part: str) -> None:
    with pytest.raises(errors.TemplateError, match=f"`{part}`: `missing` is not defined"):
        render(**{part: "{{ missing }}"})


def test_headers_are_rendered_and_decide_the_type() -> None:
    answer = render(body="a,b", headers={"content-type": "text/csv", "X-Name": "{{ web1.name }}", "X-Count": 3})

    assert answer.headers == {
        "Content-Type": "text/csv; charset=utf-8",
        "X-Name": "Ann",
        "X-Count": "3",
        "X-Content-Type-Options": "nosniff",
    }


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "image/svg+xml", "text/xml"]
)
def test_what_could_bear_a_script_is_sandboxed(kind: str) -> None:
    answer = render(body="{{ web1.html }}", headers={"Content-Type": kind})

    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/csv"])
def test_other_types_are_not_sandboxed(kind: str) -> None:
    assert "Content-Security-Policy" not in render(body="x", headers={"Content-Type": kind}).headers


def test_line_break_in_a_rendered_header_fails() -> None:
    with pytest.raises(errors.TemplateError, match="X-A holds a line break"):
        render(headers={"X-A": "{{ web1.evil }}"})


def test_rendered_header_that_is_no_text_fails() -> None:
    with pytest.raises(errors.TemplateError, match="X-A must be a text"):
        render(headers={"X-A": "{{ res.list }}"})


def test_other_charset_than_utf_8_fails() -> None:
    with pytest.raises(errors.TemplateError, match="UTF-8"):
        render(body="x", headers={"Content-Type": "text/plain; charset=iso-8859-1"})


@pytest.mark.parametrize(
    "name",
    [
        "Set-Cookie",
        "set-cookie",
        "Content-Security-Policy",
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "a b",
        "",
    ],
)
def test_header_that_a_flow_may_not_set_is_refused_twice(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        ResponseSettings.model_validate({"headers": {name: "x"}})
    with pytest.raises(errors.TemplateError, match="header"):
        response.answer({"headers": {name: "x"}})


def test_header_twice_in_other_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        ResponseSettings.model_validate({"headers": {"X-A": "1", "x-a": "2"}})


@pytest.mark.parametrize("headers", ["x", [1], 3])
def test_rendered_headers_that_are_no_object_fail(headers: Any) -> None:
    with pytest.raises(errors.TemplateError, match="must be an object"):
        response.answer({"headers": headers})
