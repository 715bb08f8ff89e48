"""A flow document as YAML, of which only the harmless part is taken.

Read from the parser's events, so each value's place is known and nothing is built that was not written down: aliases
(which multiply), anchors, tags and twin keys are refused. Plain scalars mean what they mean in JSON, everything else is
a text: `no`, `on`, `1:20`, `012` and `2026-01-01` are not turned into something else.
"""

import contextlib
import re
from typing import Any, Final

import yaml

from libs.common import errors
from libs.common.flow.marks import Mark, Marks
from libs.common.templating import places

DEEPEST: Final = 64
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?P<fraction>(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NO_KEY: Final = object()


def read(source: bytes) -> tuple[Any, Marks]:
    """Return the value and the marks; `InvalidFlow` where it is no YAML or more of it than is taken."""
    building = _Building()
    try:
        for event in yaml.parse(source, Loader=_LOADER):
            building.take(event)
    except yaml.YAMLError as error:
        raise errors.InvalidFlow((_syntax_fault(error),)) from error
    if building.faults:
        raise errors.InvalidFlow(tuple(building.faults))
    return building.root, building.marks


def is_text(plain: str) -> bool:
    """Tell whether a plain scalar means its own text, not a number or a word of JSON's."""
    return plain not in _WORDS and _NUMBER.fullmatch(plain) is None


def _syntax_fault(error: yaml.YAMLError) -> errors.Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
    if mark is None:
        return errors.Fault("", f"is not YAML: {problem}")
    return errors.Fault("", f"is not YAML: {problem}", mark.line + 1, mark.column + 1)


class _Open:
    """An object or list that is being read."""

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path
        self.key: Any = _NO_KEY


class _Building:
    """Builds the value, event by event, without recursion."""

    def __init__(self) -> None:
        self.root: Any = None
        self.marks = Marks()
        self.faults: list[errors.Fault] = []
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "holds more than one YAML document")
            case yaml.AliasEvent():
                self._refuse(event, f"`*{event.anchor}`: aliases are not taken; write the value out")
                self._put(event, None)
            case yaml.ScalarEvent():
                self._look_at(event)
                self._put(event, self._scalar(event))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._look_at(event)
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()

    def _begin(self, event: Any) -> None:
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._put(event, value)
        if len(self._open) >= DEEPEST:
            raise errors.InvalidFlow((*self.faults, self._fault(event, f"is nested deeper than {DEEPEST} levels")))
        self._open.append(_Open(value, path))

    def _put(self, event: Any, value: Any) -> str:
        """Put a value where it belongs and return its path."""
        if not self._open:
            self.root = value
            self.marks.values[""] = _mark(event)
            return ""
        around = self._open[-1]
        if isinstance(around.value, list):
            path = places.index(around.path, len(around.value))
            around.value.append(value)
        elif around.key is _NO_KEY:
            return self._begin_key(around, event)
        else:
            path = places.key(around.path, around.key)
            around.value[around.key], around.key = value, _NO_KEY
        self.marks.values[path] = _mark(event)
        return path

    def _begin_key(self, around: _Open, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "a key must be a text")
            around.key = ""
            return around.path
        key = event.value
        path = places.key(around.path, key)
        if key in around.value:
            self._refuse(event, "stands twice in one object", path)
        around.key = key
        self.marks.keys[path] = _mark(event)
        return path

    def _scalar(self, event: Any) -> Any:
        """Return the value of a scalar: what JSON would read where it is plain, else its text."""
        text = event.value
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        number = _NUMBER.fullmatch(text)
        return text if number is None else self._number(event, text, whole=not number["fraction"])

    def _number(self, event: Any, text: str, *, whole: bool) -> Any:
        value: float | None = None
        with contextlib.suppress(ValueError):
            value = int(text) if whole else float(text)
        if value is None or value in (float("inf"), float("-inf")):
            self._refuse(event, "is a number too large to be held")
            return 0
        return value

    def _look_at(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, f"`&{event.anchor}`: anchors are not taken")
        if event.tag is not None and event.tag != "!":
            self._refuse(event, f"`{event.tag[:60]}`: tags are not taken")

    def _refuse(self, event: Any, message: str, path: str | None = None) -> None:
        self.faults.append(self._fault(event, message, path))

    def _fault(self, event: Any, message: str, path: str | None = None) -> errors.Fault:
        mark = _mark(event)
        return errors.Fault(self._here() if path is None else path, message, mark.line, mark.column)

    def _here(self) -> str:
        if not self._open:
            return ""
        around = self._open[-1]
        if isinstance(around.value, list):
            return places.index(around.path, len(around.value))
        return around.path if around.key is _NO_KEY else places.key(around.path, around.key)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
