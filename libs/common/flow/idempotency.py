"""`idempotency` of a webhook: where a request's key stands, by which the same request sent twice runs once."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from libs.common.templating import environment, source

HEADER: Final = "Idempotency-Key"
# Names that templates know elsewhere, and a key's template does not: it is rendered before there is a run.
UNKNOWN: Final = frozenset({"env", "flow", "run"})


def _template(value: str) -> str:
    if not source.is_template(value):
        raise ValueError("must be a template, such as {{ web1.order_id }}: a fixed key would make all requests one")
    return value


def _unwrapped(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if not isinstance(value, dict) or value.keys() != {"key"}:
        raise ValueError("must be true, false or {key: a template}")
    if not isinstance(value["key"], str):
        raise ValueError("`key` must be a template, in quotes")
    return value["key"]


# The tags are parts of the place that a fault names, so that of the template is its key.
Idempotency = Annotated[
    Annotated[bool, Tag("on")] | Annotated[str, Field(max_length=2_000), AfterValidator(_template), Tag("key")],
    Discriminator(lambda value: "key" if isinstance(value, str) else "on"),
    BeforeValidator(_unwrapped),
]


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a request's key stands: what the template renders to where there is one, else the first of the headers."""

    headers: tuple[str, ...] = ()
    template: environment.Templated | None = None


def key_source(setting: bool | str, delivery_header: str | None) -> KeySource | None:
    """Return where keys stand by a setting that was checked; None where requests bear none."""
    if isinstance(setting, str):
        return KeySource(template=environment.compile_value(setting))
    if not setting:
        return None
    return KeySource(headers=(HEADER,) if delivery_header is None else (HEADER, delivery_header))
