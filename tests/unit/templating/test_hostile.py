"""Hostile templates end in an error, soon, and without filling the memory."""

import gzip
import json
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from libs.common import errors
from libs.common.templating import compiler
from libs.common.templating.environment import Limits, compile_value
from tests.unit.templating import bombs

LIMITS = Limits(time_s=0.5)
SUITE = Path(__file__).parents[4] / "shared/suites/ssti-payloads.json.gz"
LONGEST_S = 5.0  # ten times the limit, for a machine that is busy
MOST_MEMORY_KIB = 100 * 1024
PYTHONS_OWN = ("<class", "<function", "<module", "<built-in", "object at 0x", "uid=", "root:", "__builtins__")


def names() -> dict[str, Any]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return {"web1": {"id": 7, "list": [1]}, "request": {}, "now": lambda: now}


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_bomb_is_stopped_within_its_budget(name: str) -> None:
    template = compile_value(bombs.BOMBS[name])
    began, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(errors.TemplateError):
        template.render(names(), limits=LIMITS)

    assert time.monotonic() - began < LONGEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MOST_MEMORY_KIB


@pytest.mark.parametrize("name", bombs.ESCAPES)
def test_nothing_of_python_is_reached(name: str) -> None:
    with pytest.raises((errors.TemplateError, errors.InvalidFlow)) as raised:
        compile_value(bombs.ESCAPES[name]).render(names(), limits=LIMITS)

    assert not any(word in str(raised.value) for word in PYTHONS_OWN)


@pytest.mark.parametrize("name", bombs.HOSTILE_SOURCES)
def test_hostile_source_is_a_fault(name: str) -> None:
    with pytest.raises(errors.InvalidFlow) as raised:
        compile_value(bombs.HOSTILE_SOURCES[name])

    assert "line 1" in raised.value.faults[0].message


@pytest.mark.parametrize(
    "source",
    [
        "{{ x" + ".a" * 98 + " }}",
        "{{ x" + "|e" * 98 + " }}",
        "{{ " + "[" * 30 + "x" + "]" * 30 + " }}",
        "{% for a in x %}" * 10 + "{% endfor %}" * 10,
    ],
)
def test_what_compiles_here_compiles_deep_in_a_stack(source: str) -> None:
    def at_depth(depth: int) -> None:
        if depth:
            return at_depth(depth - 1)
        compiler.compile_source.__wrapped__(source)
        return None

    at_depth(400)


@pytest.mark.skipif(not SUITE.exists(), reason="the public suite of injections is not beside the project")
def test_public_injections_do_nothing() -> None:
    for payload in json.loads(gzip.decompress(SUITE.read_bytes())):
        try:
            rendered = str(compile_value(payload).render(names(), limits=LIMITS))
        except (errors.TemplateError, errors.InvalidFlow):
            continue

        live = rendered.replace(payload, "")
        assert rendered == payload or not any(word in live for word in PYTHONS_OWN), payload
