"""A stack of small programs: order, health, restarts and ends as compose has them."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.owned_process import free_ports
from tests.stack.compose import Port, Service, read_compose
from tests.stack.native import Here, ports_of
from tests.stack.running import RESTART_AFTER_S, Stack, StackError

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = """\
import http.server, pathlib, signal, sys
pathlib.Path({begun!r}).open("a").write("server\\n")
def ended(*_):
    pathlib.Path({begun!r}).open("a").write("ended\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
http.server.HTTPServer(("127.0.0.1", {port}), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
WORK = (
    "import pathlib; pathlib.Path({begun!r}).open('a').write('work\\n'); raise SystemExit({code})"
)


def services(directory: Path, port: int, code: int = 0, **changes: str) -> dict[str, Service]:
    """``work``, which ends with ``code``, and ``server``, which waits for that and answers HTTP."""
    begun = str(directory / "begun")
    nothing: tuple[()] = ()
    texts = {
        "work": WORK.format(begun=begun, code=code),
        "server": SERVER.format(begun=begun, port=port),
    } | changes
    return {
        name: Service(
            name=name,
            image=f"{name}:1.0",
            arguments=("python", "-c", text),
            environment={},
            ports=(Port(port, port, port),) if name == "server" else nothing,
            mounts=nothing,
            configs={},
            depends_on={"work": "service_completed_successfully"} if name == "server" else {},
            health_url=f"http://127.0.0.1:{port}/" if name == "server" else None,
            replicas=1,
            profiles=("load",) if name == "load" else nothing,
            restarts=name == "server",
            grace_s=5.0,
        )
        for name, text in texts.items()
    }


def until(condition: Callable[[], object], stack: Stack) -> None:
    """Watch until it is true."""
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end
        stack.watch()
        time.sleep(0.05)


def test_what_is_waited_for_comes_first_and_all_end(tmp_path: Path) -> None:
    """The work is done before the server starts, a load without a profile does not, a server that
    is killed comes back, and the end is a SIGTERM and leaves nothing."""
    (port,) = free_ports(1)
    said: list[str] = []
    chosen = services(tmp_path, port, load="raise SystemExit(1)")
    with Stack(chosen, Here(chosen, tmp_path / "stack"), (), said.append) as stack:
        begun = tmp_path / "begun"
        assert begun.read_text() == "work\nserver\n"
        assert stack.of("load") == []
        (server,) = stack.of("server")
        first = server.process.pid
        os.kill(first, signal.SIGKILL)
        killed_at = time.monotonic()
        until(lambda: server.restarts, stack)
        assert time.monotonic() - killed_at >= RESTART_AFTER_S
        until(lambda: begun.read_text().count("server") == 2, stack)
        second = server.process.pid
        assert second != first
        until(lambda: not _free(port), stack)
    assert any("server ended with exit code -9" in line for line in said)
    assert begun.read_text() == "work\nserver\nserver\nended\n"
    assert not Path(f"/proc/{second}").exists()
    assert not (tmp_path / "stack").exists()


class Broker:
    """Stands for the real one: runs until it is killed."""

    def __init__(self, service: Service, here: Here, directory: Path) -> None:
        assert service.name == "kafka"
        assert here.directory in directory.parents
        self.directory = directory
        self.alive = False
        self.starts = 0

    def start(self) -> None:
        """Once more."""
        assert not self.alive
        self.alive = True
        self.starts += 1

    def stop(self, *, hard: bool) -> None:
        """Of what is dead already."""
        assert hard

    def close(self) -> None:
        """For good."""
        self.alive = False


def test_a_broker_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compose does, with its data, and it is said."""
    monkeypatch.setattr("tests.stack.running.StackBroker", Broker)
    kafka = read_compose({})["kafka"]
    said: list[str] = []
    here = Here({"kafka": kafka}, tmp_path / "stack", ports=_anywhere(kafka))
    with Stack({"kafka": kafka}, here, (), said.append) as stack:
        broker = stack.broker
        assert isinstance(broker, Broker)
        stack.watch()
        assert broker.starts == 1
        broker.alive = False
        stack.watch()
        assert stack.broker is broker
        assert (broker.alive, broker.starts) == (True, 2)
    assert not broker.alive
    assert [line.split(":")[0] for line in said] == [
        *("starting kafka", "kafka ended", "kafka is back")
    ]


def test_work_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    """Nothing starts behind it, and nothing stays."""
    (port,) = free_ports(1)
    chosen = services(tmp_path, port, work="raise SystemExit('no such luck')")
    with pytest.raises(StackError, match=r"work is not done:\nno such luck"):
        Stack(chosen, Here(chosen, tmp_path / "stack")).__enter__()
    assert not (tmp_path / "begun").exists()
    assert not (tmp_path / "stack").exists()


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    """With the service that wants it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = services(tmp_path, port)
        with pytest.raises(StackError, match=f"port {port} of server is taken"):
            Stack(chosen, Here(chosen, tmp_path / "stack")).__enter__()
    assert not (tmp_path / "begun").exists()


def test_what_cannot_run_here_is_left_out(tmp_path: Path) -> None:
    """And named, so that somebody can say so."""
    (port,) = free_ports(1)
    chosen = services(tmp_path, port)
    foreign = {
        name: getattr(chosen["work"], name) for name in Service.__slots__ if name != "profiles"
    }
    foreign |= {"name": "grafana", "image": "grafana/grafana:12.1.1", "arguments": ()}
    stack = Stack(
        chosen | {"grafana": Service(**foreign, profiles=())}, Here(chosen, tmp_path / "stack")
    )
    assert stack.left_out == ["grafana"]
    assert set(stack.services) == {"work", "server"}


def _anywhere(service: Service) -> dict[tuple[str, int], list[int]]:
    """Its ports, where nobody listens."""
    known = [container for _, container in ports_of({service.name: service})]
    free = free_ports(len(known))
    return {(service.name, each): [port] for each, port in zip(known, free, strict=True)}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
