"""A flow document as YAML, as people write it: texts of several lines as blocks, no aliases, no line broken in two."""

import re
from typing import Any, Final

import yaml

from libs.common.flow import yaml_source

MAX_LINE: Final = 1_000_000  # characters
_BREAKS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")  # kept only where they are written as escapes


def write(value: Any) -> str:
    """Return the value as YAML, keys in their order, so that `yaml_source.read` gives the same value again."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=MAX_LINE)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))


def _style(value: str) -> str | None:
    if _BREAKS.search(value):
        return '"'
    if not yaml_source.is_text(value):  # to our reader, if not to the library
        return "'"
    return "|" if "\n" in value else None


_Dumper.add_representer(str, _text)
