"""A RabbitMQ for tests, with a virtual host for each of them.

In this order: the broker that `FLOWHOOK_TEST_AMQP_URL` names (with `FLOWHOOK_TEST_RABBITMQCTL`, the command that
administers it), a container where a Docker engine answers, the installed rabbitmq-server run privately.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from tests.servers import rabbitmq_nodes as nodes

POOL = 12
# A broker that dies within half a second of the declaration of a quorum queue may find it without a leader for good.
SETTLED_AFTER_S = 1.0


class RabbitServer:
    """A broker of one's own (or, with `given`, the one that is named). All of it blocks; addresses stay the same."""

    def __init__(self, folder: Path | None = None, *, node: nodes.Node | None = None) -> None:
        self._node = node or _own_node(folder)
        self._vhosts: list[str] = []
        self._made: list[str] = []

    @property
    def pid(self) -> int:
        """The broker's process."""
        return self._node.pid

    def start(self) -> None:
        """Start it and return once it accepts AMQP."""
        self._node.start()

    def restart(self) -> None:
        """Start it again, after `stop` or `kill`, on the same data and port."""
        self._node.start()

    def stop(self) -> None:
        """Stop it as an administrator does; everything is kept."""
        self._node.stop()

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._node.kill()

    def discard(self) -> None:
        """End it and remove everything; of a given broker, the virtual hosts that were made."""
        if self._made and isinstance(self._node, nodes.GivenNode):
            self.ctl("eval", f"[rabbit_vhost:delete(V, <<>>) || V <- {_erlang(self._made)}].")
        self._node.discard()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return what it prints."""
        return self._node.ctl(*arguments)

    def url(self, vhost: str) -> str:
        """Return the address of a virtual host."""
        return str(self._node.url.with_path(f"/{vhost}"))

    def new_vhost(self) -> str:
        """Return an empty virtual host of one's own. They are made a dozen at a time, since asking takes a second."""
        if not self._vhosts:
            self._vhosts = [f"test-{uuid4().hex[:12]}" for _ in range(POOL)]
            self._make(self._vhosts)
        return self._vhosts.pop()

    def new_url(self) -> str:
        """Return the address of an empty virtual host of one's own."""
        return self.url(self.new_vhost())

    def list_queues(self, vhost: str) -> list[dict[str, str | int]]:
        """Return name, type and number of messages of each queue."""
        listed = self.ctl("list_queues", "-p", vhost, "--formatter", "json", "name", "type", "messages")
        queues: list[dict[str, str | int]] = json.loads(listed)
        return queues

    def purge(self, vhost: str, prefix: str = "runs.") -> list[str]:
        """Empty the queues whose names begin so; return the names of those that held something."""
        full = [
            str(queue["name"])
            for queue in self.list_queues(vhost)
            if queue["messages"] and str(queue["name"]).startswith(prefix)
        ]
        for name in full:
            self.ctl("purge_queue", "-p", vhost, name)
        return full

    def set_alarm(self, on: bool) -> None:
        """Set off the memory alarm, or end it. It holds for the whole broker."""
        self.ctl("set_vm_memory_high_watermark", "0.000001" if on else "0.6")

    def _make(self, vhosts: list[str]) -> None:
        add = "rabbit_vhost:add(V, <<>>, [], <<>>)"
        allow = (
            f'rabbit_auth_backend_internal:set_permissions(<<"{self._node.url.user}">>, V,'
            ' <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
        )
        self.ctl("eval", f"[begin {add}, {allow} end || V <- {_erlang(vhosts)}].")
        self._made += vhosts


def _erlang(names: list[str]) -> str:
    return "[" + ",".join(f'<<"{name}">>' for name in names) + "]"


def missing() -> str | None:
    """Return what is missing for a broker to be had, in one line, or None."""
    if os.environ.get(nodes.GIVEN_URL):
        return None if os.environ.get(nodes.GIVEN_CTL) else f"{nodes.GIVEN_URL} needs {nodes.GIVEN_CTL} beside it"
    return None if can_own() else nodes.HOW_TO_GET


def can_own() -> bool:
    """Tell whether a broker of one's own can be had, to be killed and restarted."""
    return nodes.installed() is not None or nodes.engine_answers()


def shared_server() -> RabbitServer:
    """Return the server for tests that do it no harm: the given one, else one of one's own."""
    given = os.environ.get(nodes.GIVEN_URL)
    if given:
        return RabbitServer(node=nodes.GivenNode(given, os.environ.get(nodes.GIVEN_CTL)))
    return RabbitServer()


def let_queues_settle() -> None:
    """Wait as long as a broker must live after the first declaration of quorum queues before it may be killed."""
    time.sleep(SETTLED_AFTER_S)


def _own_node(folder: Path | None) -> nodes.Node:
    if nodes.engine_answers():
        return nodes.ContainerNode()
    sbin = nodes.installed()
    if sbin is None:
        raise RuntimeError(nodes.HOW_TO_GET)
    return nodes.InstalledNode(sbin, folder or Path(tempfile.mkdtemp(prefix="flowhook-rabbitmq-")))
