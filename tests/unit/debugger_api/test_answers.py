"""Answers: exact values, YAML that flows' own reader takes back, times."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from libs.common.flow import yaml_source
from services.debugger.api import answers


@pytest.mark.parametrize(
    ("accept", "yaml"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/yaml", True),
        ("text/yaml", True),
        ("application/json, application/yaml;q=0.5", False),
        ("application/json;q=0.4, application/yaml;q=0.5", True),
        ("application/yaml;q=0", False),
        ("application/yaml;q=oops", False),
    ],
)
def test_yaml_is_given_to_whoever_prefers_it(accept: Any, yaml: Any) -> None:
    assert answers.wants_yaml(accept) is yaml


@pytest.mark.parametrize(
    "value",
    [
        "012", "1:20", "1e5", "-1E-5", "1.0", "1.2.3", "no", "on", "null", "~", "", "true", "2026-01-01", "0x1f",
        "a\nb\n", "a\nb", " a \n\n b", "\ttab\n", "# no comment", "{{ web1.x }}", "- no list", "a: b",
        "\u0000\n\u2028", "\U0001f3a3", 0, -7, 10**40, 1.5, 1e300, 1e-7, True, False, None, [], {},
        [[1, {"a": [None]}]],
    ],
)  # fmt: skip
def test_what_is_shown_as_yaml_reads_back_as_it_was(value: Any) -> None:
    text = answers.yaml_answer({"a": value, "list": [value]}, comment="version 1").text

    assert yaml_source.read(str(text).encode())[0] == {"a": value, "list": [value]}


def test_texts_of_several_lines_are_blocks() -> None:
    text = answers.yaml_answer({"body": "one\ntwo\n"}, comment="version 3").text

    assert text == "# version 3\nbody: |\n  one\n  two\n"


def test_times_are_rfc_3339_in_utc() -> None:
    berlin = timezone(timedelta(hours=2))

    assert answers.time(datetime(2026, 11, 25, 2, 3, 4, 567_899, berlin)) == "2026-11-25T00:03:04.567Z"
    assert answers.time(datetime(2026, 11, 25, tzinfo=UTC)) == "2026-11-25T00:00:00.000Z"
    assert answers.time(None) is None


def test_recorded_json_is_sent_as_it_stands() -> None:
    answer = answers.json_answer({"input": answers.raw('{"n": 12345678901234567890123, "z": "\\u0000"}')})

    assert answer.body == b'{"input":{"n": 12345678901234567890123, "z": "\\u0000"}}'
