"""`flowhook dev`: all in one process on embedded PostgreSQL and the in-process bus."""

import re
import shlex
import signal
import socket

import aiohttp
import asyncpg
import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation
from tests.acceptance.outside import Outside
from tests.acceptance.processes import eventually

pytestmark = pytest.mark.processes


async def test_printed_curl_answers_and_its_run_is_in_the_api(alone: Installation) -> None:
    dev = await alone.start("dev")
    printed = re.search(r"^ *(curl (?:.*\\\n)*.*)$", dev.text(), re.MULTILINE)
    assert printed

    command = shlex.split(printed[1].replace("\\\n", " "))
    status = await as_curl_would(command)

    assert status == 200
    flow_id = command[1].rsplit("/", 1)[1]
    runs = await eventually(lambda: alone.all_runs(flow_id))
    assert [(await alone.ended(run["id"]))["status"] for run in runs] == ["success"]


async def test_killed_with_accepted_runs_it_runs_them_after_the_next_start(alone: Installation) -> None:
    dev = await alone.start("dev")
    async with Outside() as outside:
        outside.hold("/slow")
        flow = await alone.save(flows.flow(flows.webhook(is_async=True), flows.http("ask", f"{outside.url}/slow")))
        replies = [await alone.call(flow) for _ in range(60)]
        await outside.asked("/slow", 5)

        dev.kill()
        outside.release("/slow")
        await alone.start("dev")

        runs = [await alone.ended(reply.run_id) for reply in replies]
    assert {run["status"] for run in runs} == {"success"}


async def test_data_are_kept_over_a_restart(alone: Installation) -> None:
    dev = await alone.start("dev")
    flow = await alone.save(flows.echo())
    reply = await alone.call(flow, {"n": 2})
    await dev.terminate()

    await alone.start("dev")

    assert (await alone.call(flow, {"n": 3})).json == {"n": 6}
    assert (await alone.ended(reply.run_id))["status"] == "success"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_well(alone: Installation, by: signal.Signals) -> None:
    dev = await alone.start("dev")

    code = await dev.terminate(by=by, within_s=10)

    assert code == 0
    assert "Traceback" not in dev.text()


async def test_port_in_use_is_one_clear_line(alone: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", alone.gateway_port))
        taken.listen()

        dev = alone.launch("dev")
        code = await dev.exit_code()

    assert code == 1
    assert f"{alone.gateway_port}" in last_line(dev.text())
    assert "Traceback" not in dev.text()


async def test_data_folder_of_another_process_is_one_clear_line(alone: Installation) -> None:
    await alone.start("dev")
    second = Installation("", "", alone.folder)
    second.env["FLOWHOOK_DATA_DIR"] = alone.env["FLOWHOOK_DATA_DIR"]

    dev = second.launch("dev")
    code = await dev.exit_code()

    await second.close()
    assert code == 1
    assert alone.env["FLOWHOOK_DATA_DIR"] in last_line(dev.text())
    assert "Traceback" not in dev.text()


async def test_newer_schema_is_one_clear_line(alone: Installation, database_url: str) -> None:
    alone.env["FLOWHOOK_DATABASE_URL"] = database_url
    connection = await asyncpg.connect(database_url)
    await connection.execute("insert into schema_migrations (number, name, sha256) values (9999, '9999_later', 'x')")
    await connection.close()

    dev = alone.launch("dev")
    code = await dev.exit_code()

    assert code == 1
    assert "newer" in last_line(dev.text())
    assert "Traceback" not in dev.text()


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return [line for line in text.splitlines() if line.strip()][-1]


async def as_curl_would(command: list[str]) -> int:
    """Send what a `curl` with -H and -d sends and return the status; a newcomer's machine may have no curl."""
    _, url, *options = command
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in given if name == "-H")
    (body,) = (value for name, value in given if name == "-d")
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, data=body) as reply:
        return reply.status
