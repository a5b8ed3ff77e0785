"""The broker of a stack: the one that the tests have, with the configuration of compose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kafka.broker import RealBroker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.compose import Service
    from tests.stack.native import Here


class StackBroker(RealBroker):
    """Apache Kafka out of Maven with the properties that the environment of the service says.

    ``directory`` must not exist yet; its ``data`` is where the volume is.
    """

    def __init__(self, service: Service, here: Here, directory: Path) -> None:
        super().__init__(directory)
        self._service = service
        self._here = here
        self.java_options = (
            *service.environment.get("KAFKA_HEAP_OPTS", "").split(),
            *RealBroker.java_options,
        )

    def _properties(self) -> str:
        properties = self._here.properties(self._service)
        assert properties["log.dirs"] == str(self.directory / "data"), properties["log.dirs"]
        (published,) = self._service.ports
        (self.port,) = self._here.ports[self._service.name, published.container]
        return "".join(f"{name}={text}\n" for name, text in properties.items())
