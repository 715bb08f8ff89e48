"""What has ever travelled can be read for ever: `messages/` holds bytes of each version, which nobody changes.

A file is named by its schema and, for events, their kind. A message that changes so that these cannot be read is a new
version, with files of its own beside these.
"""

import json
from pathlib import Path
from typing import get_args

import pytest

from libs.common import errors, messages

FILES = sorted((Path(__file__).parent / "messages").glob("*.json"))
EVENTS = [event.__struct_config__.tag for event in get_args(messages.AnyEvent)]


def schema_of(file: Path) -> str:
    name, _, version = file.name.split(".")[0].rpartition("-")
    return f"{name}/{version}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_old_message_is_read_with_all_that_it_says(file: Path) -> None:
    message = messages.decode(schema_of(file), file.read_bytes())

    assert message.schema == schema_of(file)
    assert json.loads(messages.encode(message)) == json.loads(file.read_text())


def test_there_is_an_example_of_everything_that_travels() -> None:
    versions = {schema_of(file) for file in FILES}
    kinds = {json.loads(file.read_text())["event"] for file in FILES if schema_of(file) == "event/1"}

    assert versions >= {kind.schema for kind in messages.Message.__subclasses__()}
    assert kinds == set(EVENTS)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        pytest.param("run/2", b"{}", id="a version that is not known"),
        pytest.param("cancel/1", b'{"run_id": ', id="cut off"),
        pytest.param("cancel/1", b"{}", id="something is missing"),
        pytest.param("event/1", b'{"event": "vanished", "run_id": "r"}', id="an event that is not known"),
        pytest.param("run/1", b"[" * 100_000, id="too deep"),
    ],
)
def test_what_cannot_be_read_keeps_its_bytes(schema: str, body: bytes) -> None:
    with pytest.raises(errors.UnreadableMessage) as told:
        messages.decode(schema, body)

    assert told.value.body == body


def test_what_a_newer_version_adds_is_passed_over() -> None:
    message = messages.decode("cancel/1", b'{"run_id": "r", "why": "because"}')

    assert message == messages.Cancel(run_id="r")
