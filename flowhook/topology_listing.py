"""The exchanges and queues as a page: `python -m flowhook.topology_listing`."""

from typing import Final

from libs.common import topology

HEAD: Final = """\
# Exchanges and queues

What Flowhook declares at the broker, from `libs/common/topology.py`; why it is so stands in
[messaging](../explanation/messaging.md). (This page is printed by `make docs`.)

"""
EXCHANGES: Final = "| exchange | kind |\n| --- | --- |"
COLUMNS: Final = ("queue", "kind", "bound to", "dead letters go to", "returns before that", "more")


def as_markdown() -> str:
    """Return the page."""
    exchanges = [f"| `{exchange.name}` | {exchange.kind} |" for exchange in topology.EXCHANGES]
    own = (topology.reply_queue("<gateway id>"), topology.control_queue("<runner id>"))
    queues = [_row(queue) for queue in (*topology.QUEUES, *own)]
    return HEAD + "\n".join((EXCHANGES, *exchanges, "", _line(*COLUMNS), _line(*["---"] * len(COLUMNS)), *queues))


def _row(queue: topology.Queue) -> str:
    bound = "<br>".join(_address(*binding) for binding in queue.bindings)
    dead = _address(*queue.dead) if queue.dead else ""
    limit = str(queue.delivery_limit) if queue.kind == "quorum" else ""
    return _line(f"`{queue.name}`", queue.kind, bound, dead, limit, ", ".join(_traits(queue)))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _address(exchange: str, key: str) -> str:
    return f"`{exchange}` `{key}`"


def _traits(queue: topology.Queue) -> list[str]:
    traits = {
        "one active consumer": queue.single_active,
        "exclusive": queue.exclusive,
        f"a message stays {queue.ttl_ms} ms": queue.ttl_ms,
        f"goes {queue.expires_ms} ms after its last consumer": queue.expires_ms,
        f"at most {queue.max_length} messages": queue.max_length,
    }
    return [trait for trait, holds in traits.items() if holds]


if __name__ == "__main__":
    print(as_markdown())
