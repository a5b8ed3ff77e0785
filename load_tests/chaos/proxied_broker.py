"""A real broker with a second listener that clients reach through a proxy.

Rule.  A Kafka client goes where the broker's metadata says, so the listener behind the proxy
advertises the proxy's port.  The stream and the readers use the plain listener: what the proxy
does reaches the workers alone.
"""

from __future__ import annotations

from load_tests.chaos.proxy import Proxy
from tests.kafka.broker import RealBroker
from tests.owned_process import free_ports

PLAIN = "PLAINTEXT://127.0.0.1:{port},"


class ProxiedBroker(RealBroker):
    """Its plain listener is ``bootstrap``; the proxied one is told to the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy

    def _prepare(self) -> None:
        super()._prepare()
        (self._proxy.target,) = free_ports(1)
        path = self.directory / "server.properties"
        plain = PLAIN.format(port=self.port)
        text = path.read_text(encoding="utf-8")
        listening = text.replace(
            f"listeners={plain}", f"listeners={plain}PROXIED://127.0.0.1:{self._proxy.target},", 1
        )
        assert listening != text, "the broker's properties have another form than this file knows"
        path.write_text(
            listening.replace(
                f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
                f"advertised.listeners={plain}PROXIED://127.0.0.1:{self._proxy.port}",
            )
            + "listener.security.protocol.map="
            "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            "inter.broker.listener.name=PLAINTEXT\n"
            "log.cleaner.backoff.ms=500\n",
            encoding="utf-8",
        )
