"""Where a RabbitMQ for tests can come from: one that is given, a container, or the installed one run privately."""

import atexit
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from yarl import URL

from tests.servers.ports import free_port, free_ports

GIVEN_URL = "FLOWHOOK_TEST_AMQP_URL"
GIVEN_CTL = "FLOWHOOK_TEST_RABBITMQCTL"
HOW_TO_GET = f"no RabbitMQ at hand: install rabbitmq-server, start a Docker engine, or name a broker in {GIVEN_URL}"
IMAGE = "rabbitmq:4.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
_INSTALLED = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin")


class Node(Protocol):
    """A broker that can be started, ended and asked."""

    url: URL

    @property
    def pid(self) -> int:
        """Its process, where it is one of ours."""

    def start(self) -> None:
        """Start it, or start it again on the same data and port; return once it accepts AMQP."""

    def stop(self) -> None:
        """Stop it as an administrator does."""

    def kill(self) -> None:
        """End it as a crash does."""

    def discard(self) -> None:
        """End it and all that belongs to it."""

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return what it prints."""


class GivenNode:
    """Somebody else's broker: it is used, not started and not ended."""

    def __init__(self, url: str, ctl: str | None) -> None:
        self.url = URL(url)
        self._ctl = shlex.split(ctl) if ctl else None

    @property
    def pid(self) -> int:
        raise NotImplementedError("a given broker is not ours")

    def start(self) -> None:
        wait_for_amqp(self.url, lambda: True)

    def stop(self) -> None:
        raise NotImplementedError("a given broker is not ours")

    kill = stop

    def discard(self) -> None:
        """Leave it as it is."""

    def ctl(self, *arguments: str) -> str:
        if self._ctl is None:
            raise NotImplementedError(f"{GIVEN_CTL} is not set")
        return run_ctl(self._ctl, arguments)


class InstalledNode:
    """The machine's rabbitmq-server, run privately: own data, ports, cookie and epmd; needs no root."""

    def __init__(self, sbin: Path, folder: Path) -> None:
        port, distribution, self._epmd_port = free_ports(3)
        self.url = URL(f"amqp://guest:guest@127.0.0.1:{port}")
        self._sbin = sbin
        self._folder = folder
        self._name = f"flowhook{port}@localhost"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
        (folder / "enabled_plugins").write_text("[].\n")
        self._env = self._environment(distribution)

    def _environment(self, distribution: int) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the broker, so that a signal reaches it
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",  # spins on no core
        }

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        if self._epmd is None:
            atexit.register(self.discard)  # for whoever forgets
            # Else the broker starts one that outlives it.
            self._epmd = self._spawn("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
        self._server = self._spawn(str(self._sbin / "rabbitmq-server"))
        server = self._server
        wait_for_amqp(self.url, lambda: server.poll() is None)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                command, env=self._env, cwd=self._folder, stdout=output, stderr=output, start_new_session=True
            )

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        if self._server is not None:
            end_group(self._server)

    def discard(self) -> None:
        atexit.unregister(self.discard)
        self.kill()
        if self._epmd is not None:
            end_group(self._epmd)
        shutil.rmtree(self._folder, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        return run_ctl([str(self._sbin / "rabbitmqctl"), "-n", self._name], arguments, env=self._env)


class ContainerNode:
    """RabbitMQ in a container, behind a port that stays the same when it is started again."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only with an engine at hand

        port = free_port()
        self.url = URL(f"amqp://guest:guest@127.0.0.1:{port}")
        self._container: Any = DockerContainer(IMAGE).with_bind_ports(5672, port)
        self._begun = False

    @property
    def pid(self) -> int:
        return int(self._container.get_wrapped_container().attrs["State"]["Pid"])

    def start(self) -> None:
        if self._begun:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
        self._begun = True
        wait_for_amqp(self.url, lambda: True)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def discard(self) -> None:
        if self._begun:
            self._container.stop()

    def ctl(self, *arguments: str) -> str:
        code, output = self._container.exec(["rabbitmqctl", "-q", *arguments])
        if code != 0:
            raise RuntimeError(output.decode())
        return str(output.decode())


def installed() -> Path | None:
    """Return the folder with the scripts of the installed RabbitMQ, if there is one.

    Not what is on the path: there Debian has a wrapper that insists on root or on the system's own node.
    """
    return next((Path(folder) for folder in _INSTALLED if (Path(folder) / "rabbitmq-server").exists()), None)


def engine_answers() -> bool:
    """Tell whether a Docker engine listens where the client library would look for it."""
    engine = URL(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    try:
        if engine.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(engine.path)
        else:
            socket.create_connection((engine.host or "", engine.port or 2375), timeout=3).close()
    except OSError:
        return False
    return True


def run_ctl(command: Sequence[str], arguments: Sequence[str], env: dict[str, str] | None = None) -> str:
    """Run `rabbitmqctl`, return what it prints; RuntimeError with its words if it fails."""
    done = subprocess.run(
        [*command, "-q", *arguments], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a group, with its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for_amqp(url: URL, alive: Callable[[], bool]) -> None:
    """Return once the broker greets; RuntimeError if it ends before or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _greets(url):
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError("RabbitMQ has not started")
        time.sleep(0.05)  # a server has no event to offer before it listens


def _greets(url: URL) -> bool:
    try:
        with socket.create_connection((url.host or "", url.port or 5672), timeout=2) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
