"""What `request` is for templates: the same in a runner and where a gateway renders an answer itself."""

from typing import Any

import msgspec

from libs.common import messages, times


def of(run: messages.RunRequest) -> dict[str, Any]:
    """Return the run's id and time and, where it came over HTTP, its request."""
    names: dict[str, Any] = {"run_id": run.run_id, "received_at": times.timestamp(times.moment(run.received_at_ms))}
    if (http := run.request) is not None:
        names |= {
            "method": http.method,
            "headers": http.headers,
            "query": msgspec.json.decode(http.query),
            "ip": http.ip,
            "body": http.body,
        }
    return names
