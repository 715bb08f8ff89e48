"""The watchdog kills for real, so it is tried in a process of its own."""

import asyncio
import signal
import sys
import textwrap

import pytest

STUCK = """
    import asyncio
    from services.runner import watchdog

    async def main():
        dog = watchdog.Watchdog(0.2)
        await dog.start()
        {work}
        await dog.stop()
        print("survived")

    asyncio.run(main())
"""


async def run(work: str) -> tuple[int | None, str, str]:
    code = textwrap.dedent(STUCK).replace("{work}", work)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("work", ["10 ** (10 ** 9)", "[1 for _ in iter(int, 1)]"], ids=["one C call", "a loop"])
async def test_a_stuck_process_is_killed_and_says_where_it_was(work: str) -> None:
    code, out, err = await run(work)

    assert code == -signal.SIGPROF
    assert out == ""
    assert "in main" in err


async def test_a_process_that_goes_round_lives() -> None:
    code, out, _ = await run("[await asyncio.sleep(0) for _ in range(60_000)]")

    assert (code, out) == (0, "survived\n")
