"""Whether a broker takes connections at all: asked before a client that would wait long for it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

KNOCK_LIMIT_S: Final = 3.0


def knock(brokers: Sequence[str]) -> None:
    """OSError naming each broker's trouble, unless one of them takes a connection."""
    troubles = []
    for broker in brokers:
        host, _, port = broker.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), KNOCK_LIMIT_S).close()
        except (OSError, ValueError) as error:
            troubles.append(f"{broker}: {error}")
        else:
            return
    raise OSError("; ".join(troubles) or "no broker is named")
