"""The proxy of the chaos rounds does to connections what it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from load_tests.chaos.proxy import Proxy

DELAY_S = 0.15
SHORT_S = 0.5


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy before a server that echoes."""
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy.bound() as proxy:
        proxy.target = server.getsockname()[1]
        threading.Thread(target=_serve, args=(server,), daemon=True).start()
        yield proxy


def _serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while chunk := connection.recv(1_000):
                connection.sendall(chunk)
        except OSError:
            return


def connected(proxy: Proxy) -> socket.socket:
    """A client of the proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), 5.0)


def echoed(connection: socket.socket, text: bytes) -> bytes:
    """What comes back."""
    connection.sendall(text)
    return connection.recv(1_000)


def test_it_forwards_and_delays(proxy: Proxy) -> None:
    """Bytes come through unchanged, and each way takes the delay longer."""
    with connected(proxy) as client:
        assert echoed(client, b"one") == b"one"
        proxy.delay_s = DELAY_S
        began = time.monotonic()
        assert echoed(client, b"two") == b"two"
        assert time.monotonic() - began >= 2 * DELAY_S


def test_a_cut_resets_and_refuses_until_it_is_mended(proxy: Proxy) -> None:
    """Old and new connections end at once; after mending new ones work."""
    with connected(proxy) as client:
        assert echoed(client, b"one") == b"one"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1_000)
    # The reset may come while the client still connects, or after.
    with pytest.raises(ConnectionResetError), connected(proxy) as client:
        client.recv(1_000)
    proxy.mend()
    with connected(proxy) as client:
        assert echoed(client, b"three") == b"three"


def test_a_half_open_connection_is_neither_served_nor_closed(proxy: Proxy) -> None:
    """Its client hears nothing, not even an end; new connections work."""
    with connected(proxy) as client:
        assert echoed(client, b"one") == b"one"
        assert proxy.half_open() == 1
        client.settimeout(SHORT_S)
        client.sendall(b"two")
        with pytest.raises(TimeoutError):
            client.recv(1_000)
        with connected(proxy) as other:
            assert echoed(other, b"three") == b"three"
