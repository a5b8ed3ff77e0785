"""Asking a broker whether it is there: each kind of absence has its own words, within seconds."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from streams import reach as reaching
from streams.reach import ReachError, ask_versions, reach, unspoken
from streams.settings import Settings
from streams.spoken import spoken
from streams.worker import EXIT_FAILED, run_worker
from tests.kafka.worker_cluster import EmbeddedBroker

Answer = Callable[[socket.socket], None]
QUICK_S = 0.5


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A server on a free port that treats every connection so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def question(connection: socket.socket) -> int:
    """Read the question; its correlation id."""
    size, _, _, correlation = struct.unpack(">ihhi", connection.recv(12))
    connection.recv(size - 8)
    return int(correlation)


def versions(of: Mapping[int, tuple[int, int]]) -> Answer:
    """A broker that speaks these versions and nothing else."""

    def answer(connection: socket.socket) -> None:
        correlation = question(connection)
        rows = b"".join(struct.pack(">hhh", key, *reach) for key, reach in of.items())
        body = struct.pack(">ihi", correlation, 0, len(of)) + rows
        connection.sendall(struct.pack(">i", len(body)) + body)

    return answer


def http(connection: socket.socket) -> None:
    """What a web server says to anything else."""
    question(connection)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def tls_alert(connection: socket.socket) -> None:
    """What a TLS server says to plain text."""
    question(connection)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x46")


def hang_up(connection: socket.socket) -> None:
    """No answer at all."""
    question(connection)


def say_nothing(connection: socket.socket) -> None:
    """A broker that hangs."""
    question(connection)
    time.sleep(2 * QUICK_S)


def drip(connection: socket.socket) -> None:
    """The beginning of a right answer, and then a byte now and then for a long time."""
    connection.sendall(struct.pack(">ii", reaching.MAX_ANSWER_BYTES, question(connection)))
    for _ in range(40):
        time.sleep(QUICK_S / 2)
        try:
            connection.sendall(b"\0")
        except OSError:
            return


def gibberish(connection: socket.socket) -> None:
    """Something else than Kafka."""
    question(connection)
    connection.sendall(b"220 mail.example.org ESMTP\r\n")


KNOWN = {key: (min(ours), max(ours)) for key, ours in spoken().values()}
TOO_NEW = {key: (high + 1, high + 5) for key, (low, high) in KNOWN.items()}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http, "is an HTTP server"),
        (tls_alert, "speaks TLS: set security.protocol"),
        (hang_up, "ends the connection"),
        (say_nothing, "gives no answer"),
        (drip, "gives no answer"),
        (gibberish, "something else than Kafka"),
        (versions(TOO_NEW), "Produce: the broker takes 8 to 12, here are 0 to 7"),
        (versions({}), "Produce: the broker takes none"),
    ],
)
def test_a_worker_ends_within_seconds_with_one_line(
    answer: Answer,
    words: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 1, and the line names the broker and what it is."""
    monkeypatch.setattr(reaching, "ANSWER_LIMIT_S", QUICK_S)
    began = time.monotonic()
    with server(answer) as address:
        assert run_worker(Settings(brokers=(address,)), ()) == EXIT_FAILED
    assert time.monotonic() - began < 10
    (record,) = caplog.records
    assert words in record.getMessage()
    assert address in record.getMessage()


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        ("127.0.0.1:1", "nothing listens there"),
        ("no-such-host.invalid:9092", "unknown host"),
    ],
)
def test_a_wrong_address_is_told(broker: str, words: str) -> None:
    """Unknown host and closed port are different mistakes."""
    with pytest.raises(ReachError, match=words):
        reach([broker])


def test_one_broker_that_answers_is_enough() -> None:
    """The others may be away."""
    with server(versions(KNOWN)) as address:
        reach(["127.0.0.1:1", address], None, spoken())


def test_every_broker_is_named_when_none_answers() -> None:
    """Each with its own trouble."""
    with (
        server(http) as web,
        pytest.raises(ReachError, match=r"nothing listens there; .* is an HTTP server"),
    ):
        reach(["127.0.0.1:1", web])


def test_the_embedded_broker_speaks_all_that_is_needed() -> None:
    """The list of what is needed is not longer than what works."""
    assert unspoken(ask_versions(EmbeddedBroker().bootstrap, None), spoken()) == []
