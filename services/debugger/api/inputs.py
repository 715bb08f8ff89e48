"""What callers send, as checked values: every fault of a body or a query at once."""

import re
from typing import Final, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from libs.common import errors
from services.debugger.api import answers, envelope

Model = TypeVar("Model", bound=BaseModel)
Media = Literal["json", "yaml"]
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


async def read(request: web.Request, model: type[Model]) -> Model:
    """Return the JSON body; an empty one is `{}`. `InvalidRequest` with all faults, or 400, 413, 415."""
    if media(request) == "yaml":
        raise errors.UnsupportedMediaType("Send this body as application/json.")
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise errors.InvalidPayload("The body is not JSON.") from None
        raise envelope.invalid(*_faults(error)) from None


def query(request: web.Request, model: type[Model]) -> Model:
    """Return the query parameters, empty ones as if they were absent; `InvalidRequest` with all faults."""
    given = [(name, value) for name, value in request.query.items() if value]
    names = [name for name, _ in given]
    faults = [errors.Fault(name, "is given more than once") for name in sorted(set(names)) if names.count(name) > 1]
    try:
        values = model.model_validate(dict(given))
    except ValidationError as error:
        raise envelope.invalid(*faults, *_faults(error)) from None
    if faults:
        raise envelope.invalid(*faults)
    return values


def media(request: web.Request) -> Media:
    """Return what a body is, JSON where nothing is said; `UnsupportedMediaType` for what is neither."""
    given = request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
    if given == "application/json":
        return "json"
    if answers.is_yaml(given):
        return "yaml"
    raise errors.UnsupportedMediaType("Send a body as application/json, or a flow as application/yaml.")


def identifier(request: web.Request, name: str, what: str) -> str:
    """Return the UUID in the path; `NotFound` for anything else, since nothing has such an id."""
    text = request.match_info[name].lower()
    if not _UUID.fullmatch(text):
        raise missing(what)
    return text


def version(request: web.Request) -> int:
    """Return the version in the path; `NotFound` for what is no number of one."""
    text = request.match_info["n"]
    if not _VERSION.fullmatch(text):
        raise missing("version")
    return int(text)


def missing(what: str) -> errors.NotFound:
    """Return the error that says that there is no such thing."""
    return errors.NotFound(f"There is no such {what}.")


def _faults(error: ValidationError) -> list[errors.Fault]:
    return [errors.Fault(_path(fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]


def _path(places: tuple[int | str, ...]) -> str:
    text = "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places)
    return text.removeprefix(".")
