"""The flows that a first start brings along, saved through the API as anybody's would be."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

FOLDER: Final = Path(__file__).parent / "examples"
NAMES: Final = ("order_check", "github_push", "contact_lookup")
CREATED, CONFLICT, OK = 201, 409, 200


@dataclass(frozen=True, slots=True)
class Example:
    """An example as its senders need it."""

    name: str
    is_async: bool
    webhook_url: str
    webhook_token: str
    body: str


class ExampleFlows:
    """The examples in an installation, seen through its API."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def save(self) -> None:
        """Save those that are not there; `RuntimeError` if the API takes one for something else than a flow."""
        async with self._session() as session:
            for name in NAMES:
                await self._save(session, (FOLDER / f"{name}.yaml").read_bytes(), name)

    async def present(self) -> list[Example]:
        """Return those that are there and answer now, in their order."""
        async with self._session() as session:
            found = [await self._find(session, name) for name in NAMES]
        return [example for example in found if example is not None]

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=10))

    async def _save(self, session: aiohttp.ClientSession, document: bytes, name: str) -> None:
        yaml = {"Content-Type": "application/yaml"}
        async with session.post(f"{self._api_url}/v1/flows", data=document, headers=yaml) as reply:
            if reply.status not in (CREATED, CONFLICT):
                raise RuntimeError(f"The example {name} is refused: {await reply.text()}")

    async def _find(self, session: aiohttp.ClientSession, name: str) -> Example | None:
        flow_id = _id_of(name)
        async with session.get(f"{self._api_url}/v1/flows/{flow_id}/settings") as reply:
            if reply.status != OK:
                return None
            settings: dict[str, Any] = await reply.json()
        if settings["status"] == "paused":
            return None
        async with session.get(f"{self._api_url}/v1/flows/{flow_id}") as reply:
            flow: dict[str, Any] = await reply.json()
        return Example(
            name=flow["name"],
            is_async=bool(flow["steps"][0].get("with", {}).get("async", False)),
            webhook_url=settings["webhook_url"],
            webhook_token=settings["webhook_token"],
            body=json.dumps(json.loads((FOLDER / f"{name}.json").read_text())),
        )


def _id_of(name: str) -> str:
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    return next(line.removeprefix("id: ").strip() for line in lines if line.startswith("id: "))
