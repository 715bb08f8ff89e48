"""What the gateway counts. Children of labels are made once, since looking one up costs more than counting."""

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

ANSWERS: Final = Counter("flowhook_gateway_answers_total", "Answers sent, by HTTP status", ["status"])
UNAVAILABLE: Final = Counter("flowhook_gateway_unavailable_total", "Requests answered 503, by reason", ["reason"])
WAITING: Final = Gauge("flowhook_gateway_waiting", "Senders of synchronous flows that wait for a result")
FLOWS: Final = Gauge("flowhook_gateway_flows", "Flows in memory")
UNDEDUPLICATED: Final = Counter(
    "flowhook_gateway_undeduplicated_total", "Requests with an idempotency key that ran while keys could not be asked"
)
REPLAYED: Final = Counter(
    "flowhook_gateway_replayed_total", "Requests with an idempotency key that were answered as an earlier one was"
)
RATE_ALONE: Final = Gauge(
    "flowhook_gateway_rate_limit_alone", "1 while the shared count is away and this gateway limits on its own"
)
RATE_COUNTED_ALONE: Final = Counter(
    "flowhook_gateway_rate_limit_counted_alone_total", "Requests that this gateway counted on its own"
)
REPLY_SECONDS: Final = Histogram(
    "flowhook_gateway_reply_seconds",
    "From acceptance to the answer of a synchronous flow",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

AWAY: Final = UNAVAILABLE.labels("away")
OVERLOADED: Final = UNAVAILABLE.labels("overloaded")
UNKNOWN: Final = UNAVAILABLE.labels("unknown")
STOPPING: Final = UNAVAILABLE.labels("stopping")


@cache
def answers(status: int) -> Counter:
    """Return the counter of answers with this status."""
    return ANSWERS.labels(str(status))
