"""Whether a broker is there, and is one that this worker can speak with: asked before a client
that would wait long and say little.

Rule.  The first thing that every Kafka client says is ApiVersions, and every broker since 0.10
answers its version 0, before any login.  What comes back, or does not, tells apart an unknown host,
a closed port, a server that is no broker, encryption on one side only, a broker that hangs, and one
that is too old or too new.  One broker that answers is enough.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

KNOCK_LIMIT_S: Final = 3.0
ANSWER_LIMIT_S: Final = 5.0
MIN_ANSWER_BYTES: Final = 10
MAX_ANSWER_BYTES: Final = 65_536
API_VERSIONS_KEY: Final = 18
CORRELATION: Final = 1_819_242_599
QUESTION: Final = struct.pack(">hhih9s", API_VERSIONS_KEY, 0, CORRELATION, 9, b"longshore")
TLS_ALERT: Final = b"\x15\x03"
PLAIN_WORDS: Final = {
    b"HTTP": "is an HTTP server, not a Kafka broker: check the port",
    b"SSH-": "is an SSH server, not a Kafka broker: check the port",
    TLS_ALERT: "speaks TLS: set security.protocol to SSL or SASL_SSL",
}

Versions = Mapping[int, tuple[int, int]]
"""API key -> lowest and highest version."""


class ReachError(OSError):
    """No broker can be spoken with; the message has each broker's trouble."""


def knock(brokers: Sequence[str]) -> None:
    """OSError naming each broker's trouble, unless one of them takes a connection."""
    troubles = []
    for broker in brokers:
        try:
            _connected(broker).close()
        except OSError as error:
            troubles.append(f"{broker}: {error}")
        else:
            return
    raise OSError("; ".join(troubles) or "no broker is named")


def reach(
    brokers: Sequence[str],
    tls: ssl.SSLContext | None = None,
    spoken: Mapping[str, tuple[int, Sequence[int]]] | None = None,
) -> None:
    """ReachError naming each broker's trouble, unless one answers in versions ``spoken`` here.

    ``spoken``: name of the request -> its API key and the versions that the client can send.
    """
    troubles = []
    for broker in brokers:
        try:
            faults = unspoken(ask_versions(broker, tls), spoken or {})
        except ReachError as error:
            troubles.append(f"{broker} {error}")
            continue
        if not faults:
            return
        troubles.append(
            f"{broker} runs a version of Kafka that this worker cannot speak with "
            f"({'; '.join(faults)}): use brokers from 2.1 to 4.x"
        )
    raise ReachError("; ".join(troubles) or "no broker is named")


def ask_versions(broker: str, tls: ssl.SSLContext | None) -> Versions:
    """What one broker says that it can; ReachError in words to put behind its address."""
    try:
        with _connected(broker) as plain:
            plain.settimeout(ANSWER_LIMIT_S)
            if tls is None:
                return _asked(plain)
            with tls.wrap_socket(plain, server_hostname=_host_port(broker)[0]) as encrypted:
                return _asked(encrypted)
    except ssl.SSLCertVerificationError as error:
        raise ReachError(
            f"shows a certificate that is not trusted (security.ssl_ca): {error.verify_message}"
        ) from error
    except ssl.SSLError as error:
        reason = error.reason or str(error)
        if "CERTIFICATE" in reason:  # an alert from the other side
            own = f"refuses this client's certificate (security.ssl_cert): {reason}"
            raise ReachError(own) from error
        raise ReachError(f"does not speak TLS as asked: {reason}") from error
    except TimeoutError as error:
        raise ReachError(
            f"takes connections but gives no answer for {ANSWER_LIMIT_S:g} s: it hangs, or is no "
            f"Kafka broker"
        ) from error
    except ConnectionError as error:
        wants = "TLS (security.protocol)"
        if tls is not None:
            wants = "this client's certificate (security.ssl_cert)"
        raise ReachError(
            f"ends the connection instead of answering: it is no Kafka broker, or wants {wants}"
        ) from error
    except ReachError:
        raise
    except OSError as error:
        raise ReachError(f"cannot be spoken with: {error}") from error


def unspoken(versions: Versions, spoken: Mapping[str, tuple[int, Sequence[int]]]) -> list[str]:
    """The requests that client and broker have no version in common for, one text each."""
    faults = []
    for name, (key, ours) in spoken.items():
        low, high = versions.get(key, (0, -1))
        if not any(low <= version <= high for version in ours):
            theirs = "none" if high < low else f"{low} to {high}"
            faults.append(f"{name}: the broker takes {theirs}, here are {min(ours)} to {max(ours)}")
    return faults


def _host_port(broker: str) -> tuple[str, int]:
    host, _, port = broker.strip().rpartition(":")
    return host.strip("[]"), int(port)


def _connected(broker: str) -> socket.socket:
    try:
        return socket.create_connection(_host_port(broker), KNOCK_LIMIT_S)
    except socket.gaierror as error:
        raise ReachError(f"is an unknown host: {error.strerror}") from error
    except ConnectionRefusedError as error:
        raise ReachError("refuses the connection: nothing listens there") from error
    except TimeoutError as error:
        raise ReachError(f"takes no connection within {KNOCK_LIMIT_S:g} s") from error
    except (OSError, ValueError) as error:
        raise ReachError(f"cannot be connected to: {error}") from error


def _asked(connection: socket.socket) -> Versions:
    connection.sendall(struct.pack(">i", len(QUESTION)) + QUESTION)
    end_s = monotonic() + ANSWER_LIMIT_S
    start = _exactly(connection, 8, end_s)
    for sign, words in PLAIN_WORDS.items():
        if start.startswith(sign):
            raise ReachError(words)
    length, correlation = struct.unpack(">ii", start)
    if correlation != CORRELATION or not MIN_ANSWER_BYTES <= length <= MAX_ANSWER_BYTES:
        raise ReachError("answers something else than Kafka does: check the port")
    body = _exactly(connection, length - 4, end_s)
    error, count = struct.unpack_from(">hi", body)
    if error:
        raise ReachError(f"does not say which versions it speaks (error {error})")
    if not 0 <= count <= (len(body) - 6) // 6:
        raise ReachError("answers something else than Kafka does: check the port")
    found = (struct.unpack_from(">hhh", body, 6 + 6 * at) for at in range(count))
    return {key: (low, high) for key, low, high in found}


def _exactly(connection: socket.socket, size: int, end_s: float) -> bytes:
    """So many bytes until this time, however they come; what came until then when they are not
    Kafka's and the other side ends."""
    got = b""
    while len(got) < size:
        left_s = end_s - monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        piece = connection.recv(size - len(got))
        if not piece:
            if got.startswith(tuple(PLAIN_WORDS)):
                return got
            raise ConnectionResetError
        got += piece
    return got
