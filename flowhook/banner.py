"""What `flowhook dev` prints once everything stands: addresses, the token, and a call that works when pasted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from flowhook.example_flows import Example


@dataclass(frozen=True, slots=True)
class Place:
    """Where an installation can be reached."""

    version: str
    gateway_url: str
    api_url: str
    admin_url: str
    data: Path
    token: str


def draw(place: Place, examples: Sequence[Example], *, colour: bool) -> str:
    """Return the text; in colour only for terminals."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    def row(label: str, text: str) -> str:
        return f"  {paint('2', f'{label:<10}')}{text}"

    called = next((example for example in examples if not example.is_async), None) or next(iter(examples), None)
    lines = [
        "",
        f"  {paint('1;32', f'Flowhook {place.version} is running')}{paint('2', '   Ctrl-C stops it')}",
        "",
        row("Webhooks", f"{place.gateway_url}/v1/flow-webhook/…"),
        row("Console", f"{place.api_url}/   its API is at {place.api_url}/v1"),
        row("Health", f"{place.admin_url}/readyz   {place.admin_url}/metrics"),
        row("Data", str(place.data)),
        row("Token", place.token),
    ]
    lines += _flows(examples, row)
    if called is not None:
        lines += ["", f"  {paint('1', 'Send a webhook')}   {paint('2', called.name)}", "", _webhook_call(called)]
    lines += ["", f"  {paint('1', 'See what became of it')}", "", _runs_call(place), ""]
    return "\n".join(lines)


def _flows(examples: Sequence[Example], row: Callable[[str, str], str]) -> list[str]:
    labels = ["Flows", *[""] * len(examples)]
    width = max((len(example.name) for example in examples), default=0)
    return [
        row(label, f"{example.name:<{width}}   {example.webhook_url}")
        for label, example in zip(labels, examples, strict=False)
    ]


def _webhook_call(example: Example) -> str:
    return (
        f"  curl {quote(example.webhook_url)} \\\n"
        f"    -H {quote(f'Authorization: Bearer {example.webhook_token}')} \\\n"
        f"    -H 'Content-Type: application/json' \\\n"
        f"    -d {quote(example.body)}"
    )


def _runs_call(place: Place) -> str:
    return f"  curl {quote(f'{place.api_url}/v1/runs')} \\\n    -H {quote(f'Authorization: Bearer {place.token}')}"
