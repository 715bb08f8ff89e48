"""Flow documents of the acceptance tests."""

from typing import Any


def webhook(*, is_async: bool = False, body: str | None = None, **settings: Any) -> dict[str, Any]:
    """Return a webhook step."""
    response = {} if body is None else {"response": {"status": 200, "body": body}}
    return {"ref": "web1", "type": "webhook", "with": {"async": is_async, **response, **settings}}


def flow(*steps: dict[str, Any], name: str = "A flow") -> dict[str, Any]:
    """Return a document with these steps."""
    return {"name": name, "status": "active", "steps": list(steps)}


def http(ref: str, url: str, **more: Any) -> dict[str, Any]:
    """Return a step that calls the outside."""
    return {"ref": ref, "type": "http", "with": {"method": "GET", "url": url, "timeout": 30}, **more}


def echo(*, is_async: bool = False) -> dict[str, Any]:
    """Return a flow without effects that answers what it was sent."""
    return flow(
        webhook(is_async=is_async, body=None if is_async else '{"n": {{ double.n }}}'),
        {"ref": "double", "type": "dict", "with": {"n": "{{ web1.n * 2 }}"}},
    )
