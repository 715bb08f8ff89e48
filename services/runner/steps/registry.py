"""All kinds of steps by type. This is the one place that a new kind is named in."""

from collections.abc import Mapping
from types import MappingProxyType

from services.runner.steps import dict_, if_, port, terminate, webhook

Kinds = Mapping[str, port.Kind]


def by_type(*kinds: port.Kind) -> Kinds:
    """Return kinds by their type; ValueError if two claim the same."""
    found: dict[str, port.Kind] = {}
    for kind in kinds:
        if kind.spec.name in found:
            raise ValueError(f"two kinds of step are called {kind.spec.name!r}")
        found[kind.spec.name] = kind
    return MappingProxyType(found)


def built_in(http_step: port.Kind, delay_step: port.Kind) -> Kinds:
    """Return the kinds that Flowhook itself brings."""
    return by_type(webhook.Webhook(), dict_.Dict(), if_.If(), http_step, delay_step, terminate.Terminate())
