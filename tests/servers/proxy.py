"""A wire that can be cut, and on which nothing comes through any more."""

import asyncio


class Proxy:
    """Carries bytes to a server, by its port on 127.0.0.1 or its socket's path, both ways, as long as it is let."""

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._answering = asyncio.Event()
        self._admitting = True
        self._flowing.set()
        self._answering.set()

    @property
    def port(self) -> int:
        """Where clients connect to."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Listen no more and cut what there is, and what is only being connected."""
        if self._server is not None:
            self._server.close()
        self.cut(admit=False)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, *, admit: bool = True) -> None:
        """End every connection, as a cable does that is pulled out; without `admit` no new one gets through."""
        self._admitting = admit
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.thaw()

    def admit(self) -> None:
        """Let connections through again."""
        self._admitting = True

    def freeze(self) -> None:
        """Keep connections open and carry nothing: the other side hangs."""
        self._flowing.clear()

    def withhold_answers(self) -> None:
        """Carry what the client says, and nothing back."""
        self._answering.clear()

    def thaw(self) -> None:
        """Carry everything again."""
        self._flowing.set()
        self._answering.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._admitting:
            self._keep(asyncio.create_task(self._connect(reader, writer)))
        else:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()  # nobody is there
            return
        if not self._admitting:
            writer.transport.abort()
            far_writer.transport.abort()
            return
        self._writers.add(far_writer)
        self._keep(asyncio.create_task(self._carry(reader, far_writer, answering=False)))
        self._keep(asyncio.create_task(self._carry(far_reader, writer, answering=True)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answering: bool) -> None:
        try:
            while data := await source.read(64 * 1024):
                await self._flowing.wait()
                if answering:
                    await self._answering.wait()
                sink.write(data)
        except OSError:
            pass  # cut
        finally:
            sink.close()
