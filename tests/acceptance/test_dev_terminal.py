"""What somebody who types `make run` sees, and what is kept where."""

from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.installation import TOKEN, Installation

pytestmark = [pytest.mark.processes, pytest.mark.postgres]


async def delete(alone: Installation, flow_id: str) -> None:
    url = f"http://127.0.0.1:{alone.console_port}/v1/flows/{flow_id}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.delete(url) as reply:
        assert reply.status == 204


async def test_nothing_but_the_banner_is_printed(alone: Installation) -> None:
    dev = await alone.start("dev")

    text = dev.text()

    assert text.startswith("\n  Flowhook ")
    assert f"http://127.0.0.1:{alone.gateway_port}/v1/flow-webhook/" in text
    assert "Order check" in text
    assert all(line.startswith("  ") or not line for line in text.splitlines())


async def test_its_secrets_are_made_once_and_only_for_their_owner(alone: Installation) -> None:
    del alone.env["FLOWHOOK_SECRET_KEY"], alone.env["FLOWHOOK_BOOTSTRAP_TOKEN"]
    data = Path(alone.env["FLOWHOOK_DATA_DIR"])
    files = [data / name for name in ("secret-key", "bootstrap-token", "postgres.password")]

    first = await alone.start("dev")
    made = [file.read_text() for file in files]
    await first.terminate()
    second = await alone.start("dev")

    assert [file.read_text() for file in files] == made
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3
    assert made[1] in second.text()
    assert made[0] not in second.text()


async def test_a_deleted_example_stays_away(alone: Installation) -> None:
    dev = await alone.start("dev")
    items = (await alone.api("GET", "/v1/flows"))["items"]
    flow_id = next(flow["id"] for flow in items if flow["name"] == "Order check")
    await delete(alone, flow_id)
    await dev.terminate()

    again = await alone.start("dev")

    assert "Order check" not in again.text()
    assert "Contact lookup" in again.text()


async def test_nothing_of_it_is_left_behind_when_it_ends(alone: Installation) -> None:
    dev = await alone.start("dev")
    data = Path(alone.env["FLOWHOOK_DATA_DIR"])

    await dev.terminate(within_s=10)

    assert not (data / "postgres" / "postmaster.pid").exists()
    assert not (data / "sockets").exists()


async def test_wrong_settings_are_one_line_with_all_of_them_and_no_value(alone: Installation) -> None:
    dev = alone.launch("dev", FLOWHOOK_DATABASE_URL="", FLOWHOOK_GATEWAY_PORT="high", FLOWHOOK_SECRET_KEY="s3cr3t")

    assert await dev.exit_code() == 1
    (line,) = dev.text().splitlines()
    assert "FLOWHOOK_GATEWAY_PORT" in line
    assert "FLOWHOOK_SECRET_KEY" in line
    assert "s3cr3t" not in line


async def test_a_port_in_use_is_told_before_anything_is_made(alone: Installation) -> None:
    await alone.start("dev")
    other = Path(alone.env["FLOWHOOK_DATA_DIR"]).with_name("other")

    dev = alone.launch("dev", FLOWHOOK_DATA_DIR=str(other))

    assert await dev.exit_code() == 1
    (line,) = dev.text().splitlines()
    assert f"Port {alone.gateway_port} of 127.0.0.1 is in use" in line
    assert not other.exists()
