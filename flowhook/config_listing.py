"""All settings with their defaults, meaning and source: what `flowhook config` prints, and the reference page."""

import importlib
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from libs.common.config import PREFIX, Settings

SOURCES: Final = {  # in the order in which a reader meets them
    "dev": "flowhook.dev_settings:DevSettings",
    "gateway": "services.gateway.config:GatewaySettings",
    "runner": "services.runner.config:RunnerSettings",
    "debugger": "services.debugger.config:DebuggerSettings",
}
PAGE_HEAD: Final = """\
# Settings

Everything is set by environment variables. A value that is missing or wrong stops the start, with every fault in one
line; secrets are never repeated in it. `flowhook config` prints the same list with the values of the environment that
it is run in. (This page is printed by `flowhook config --markdown`.)

`dev` stands for `flowhook dev`, which runs all three services in one process: it reads their settings too, and fills in
what it can make itself.

| variable | read by | default | meaning |
| --- | --- | --- | --- |"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `default` is as a person would write it; `secret` values are never shown."""

    name: str
    default: str
    meaning: str
    services: tuple[str, ...]
    secret: bool

    def shown(self, environment: Mapping[str, str]) -> str:
        """Return the value that counts in this environment, hidden where it is a secret."""
        if self.name not in environment:
            return self.default
        return "(set, hidden)" if self.secret else environment[self.name]


def settings() -> list[Setting]:
    """Return the settings of the services that are installed here, one entry a variable and meaning."""
    found: dict[tuple[str, str, str], Setting] = {}
    for service, model in _models():
        for name, field in model.model_fields.items():
            setting = _setting(name, field, service)
            key = setting.name, setting.default, setting.meaning
            readers = (*found[key].services, service) if key in found else (service,)
            found[key] = Setting(*key, readers, setting.secret)
    return sorted(found.values(), key=lambda setting: setting.name)


def _models() -> Iterator[tuple[str, type[Settings]]]:
    for service, place in SOURCES.items():
        module, _, name = place.partition(":")
        try:
            yield service, getattr(importlib.import_module(module), name)
        except ModuleNotFoundError:  # an image holds one service only
            continue


def _setting(name: str, field: FieldInfo, service: str) -> Setting:
    return Setting(
        name=PREFIX + name.upper(),
        default=_default(field),
        meaning=field.description or "",
        services=(service,),
        secret="SecretStr" in str(field.annotation),
    )


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "(must be set)"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return str(value) if value not in (None, "") else "(unset)"


def as_text(environment: Mapping[str, str] | None = None, *, width: int = 100) -> str:
    """Return the list for people, with the values of this environment and where they come from."""
    here = os.environ if environment is None else environment
    blocks = []
    for setting in settings():
        source = "environment" if setting.name in here else "default"
        blocks.append(f"{setting.name}={setting.shown(here)}  [{source}; {', '.join(setting.services)}]")
        blocks.append(textwrap.fill(setting.meaning, width, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(blocks)


def as_markdown() -> str:
    """Return the reference page."""
    rows = [
        f"| `{setting.name}` | {', '.join(setting.services)} | `{setting.default}` | {setting.meaning} |"
        for setting in settings()
    ]
    return "\n".join((PAGE_HEAD, *rows))
