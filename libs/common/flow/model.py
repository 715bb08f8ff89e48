"""What all models of a flow document have in common, and pydantic's faults in our words."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import pydantic
from pydantic import ConfigDict, WrapValidator

from libs.common import errors
from libs.common.templating import places, source

Model = TypeVar("Model", bound=pydantic.BaseModel)


class Strict(pydantic.BaseModel):
    """A model that takes nothing for something else, and no key that it does not know."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True, allow_inf_nan=False
    )


def _unless_template(value: Any, check: Any) -> Any:
    return value if isinstance(value, str) and source.is_template(value) else check(value)


# A value that a template may stand for: checked here where it is written out, by the step where it is rendered.
OrTemplate: Final = WrapValidator(_unless_template)
Text = Annotated[str, OrTemplate]

_WORDS: Final[Mapping[str, str]] = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_type": "must be a text; put it in quotes",
    "tuple_type": "must be a list",
}


def validate(model: type[Model], value: Any, path: str, faults: list[errors.Fault]) -> Model | None:
    """Return the model of a value, or None with a fault for everything that is wrong with it."""
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        faults.extend(_fault(model, path, detail) for detail in details)
        return None


def _fault(model: type[pydantic.BaseModel], path: str, detail: Any) -> errors.Fault:
    place = path
    for part in detail["loc"]:
        place = places.index(place, part) if isinstance(part, int) else places.key(place, part)
    return errors.Fault(place, _in_words(model, detail))


def _in_words(model: type[pydantic.BaseModel], detail: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(model) if len(detail["loc"]) == 1 else ""
        return f"is not known here{known}"
    if kind == "literal_error":
        return f"must be one of {context['expected'].replace(' or ', ', ')}"
    if kind == "value_error":
        return str(context["error"])
    return _WORDS.get(kind) or _bound(kind, context) or detail["msg"].replace("Input should", "should")


def _keys(model: type[pydantic.BaseModel]) -> str:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return f"; there {'are ' + ', '.join(names) if names else 'is nothing to set'}"


def _bound(kind: str, context: Mapping[str, Any]) -> str | None:
    bounds = {
        "greater_than": ("gt", "must be more than {}"),
        "greater_than_equal": ("ge", "must be at least {}"),
        "less_than": ("lt", "must be less than {}"),
        "less_than_equal": ("le", "must be at most {}"),
        "string_too_long": ("max_length", "must have at most {} characters"),
        "string_too_short": ("min_length", "must have at least {} characters"),
        "too_long": ("max_length", "must have at most {} elements"),
        "too_short": ("min_length", "must have at least {} elements"),
    }
    if kind not in bounds:
        return None
    key, words = bounds[kind]
    return words.format(f"{context[key]:g}" if isinstance(context[key], float) else context[key])
