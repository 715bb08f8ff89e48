"""The log: nothing from outside forges a line, nothing secret gets in, everything takes the same way."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from libs.common import logs
from libs.common.config import Settings

HOSTILE = "innocent\n12:00:00  error    forged\x1b[2J\u2028\u202e"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def configured(log_format: str, level: str = "info") -> io.StringIO:
    output = io.StringIO()
    logs.configure(Settings(log_format=log_format, log_level=level), output)
    return output


def only(output: io.StringIO) -> Any:
    (line,) = output.getvalue().splitlines()
    return json.loads(line)


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("place", ["event", "key", "value", "nested"])
def test_hostile_text_stays_on_its_line(log_format: str, place: str) -> None:
    output = configured(log_format)
    fields: dict[str, dict[str, Any]] = {
        "event": {},
        "key": {HOSTILE: 1},
        "value": {"name": HOSTILE},
        "nested": {"name": {"inner": [HOSTILE]}},
    }

    structlog.get_logger().info(HOSTILE if place == "event" else "word", **fields[place])

    text = output.getvalue()
    assert text.endswith("\n")
    assert all(" " <= character <= "~" for character in text[:-1])


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_hostile_text_in_an_error_forges_no_line(log_format: str) -> None:
    output = configured(log_format)

    try:
        raise ValueError(HOSTILE)
    except ValueError:
        structlog.get_logger().exception("failed")

    first, *rest = output.getvalue().splitlines()
    assert "failed" in first
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in output.getvalue()


@pytest.mark.parametrize(
    "name", ["token", "webhook_token", "Authorization", "set-cookie", "secret_key", "password", "api_key", "x-api-key"]
)
def test_values_under_telling_names_are_masked(name: str) -> None:
    output = configured("json")

    structlog.get_logger().info("word", **{name: "s3cr3t", "headers": {name: ["s3cr3t"]}})

    assert "s3cr3t" not in output.getvalue()
    assert only(output)["headers"] == {name: ["***"]}


@pytest.mark.parametrize(
    "text",
    [
        "amqp://flowhook:s3cr3t-word@broker:5672/",
        "Bearer s3cr3t-word",
        "got eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.s3cr3t-word",
        "fh_pat_s3cr3t-word",
    ],
)
def test_secrets_in_a_text_are_masked(text: str) -> None:
    output = configured("json")

    structlog.get_logger().info("word", why=text, error=RuntimeError(text))

    assert "s3cr3t" not in output.getvalue()
    assert "***" in output.getvalue()


def test_numbers_under_telling_names_stay() -> None:
    output = configured("json")

    structlog.get_logger().info("word", token_generation=3)

    assert only(output)["token_generation"] == 3


def test_the_standard_library_takes_the_same_way() -> None:
    output = configured("json")

    logging.getLogger("aio_pika.robust").warning("lost %s", "amqp://a:s3cr3t@b")

    line = only(output)
    assert (line["event"], line["level"], line["logger"]) == ("lost amqp://a:***@b", "warning", "aio_pika.robust")


async def test_a_bound_run_id_is_in_every_line_of_its_task_only() -> None:
    output = configured("json")

    async def work() -> None:
        structlog.contextvars.bind_contextvars(run_id="r1")
        structlog.get_logger().info("inside")

    await asyncio.create_task(work())
    structlog.get_logger().info("outside")

    inside, outside = (json.loads(line) for line in output.getvalue().splitlines())
    assert inside["run_id"] == "r1"
    assert "run_id" not in outside


def test_auto_is_json_where_nobody_looks() -> None:
    output = configured("auto")

    structlog.get_logger().info("word")

    assert only(output)["event"] == "word"


def test_text_is_for_people() -> None:
    output = configured("text")

    structlog.get_logger().info("run_finished", status="success", took_ms=12, why="two words")

    assert output.getvalue()[8:] == '  info     run_finished  status=success  took_ms=12  why="two words"\n'


def test_less_than_the_level_is_not_logged() -> None:
    output = configured("json", level="warning")

    structlog.get_logger().info("word")
    logging.getLogger("any").info("word")

    assert output.getvalue() == ""
