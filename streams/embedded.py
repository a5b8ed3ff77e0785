"""A broker without installation: librdkafka's in-process one, in a process of its own.

Rule.  It speaks the real protocol with consumer groups and auto-created topics of 4 partitions, and
keeps about 5 MB a partition in memory, so whoever publishes to it must wait for who reads.  It ends
with the pipe on its standard input, that is with its owner, however that came about.

    python -m streams.embedded        prints HOST:PORT and serves until standard input ends
"""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Final, Self

START_LIMIT_S: Final = 10.0
STOP_LIMIT_S: Final = 5.0


class EmbeddedBroker:
    """The broker as a context manager; :attr:`address` is ``host:port``.

    Raises RuntimeError when it does not come up.
    """

    def __init__(self) -> None:
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.embedded"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        # The process ends by itself when it cannot start, so this line comes or the file ends.
        self.address = self._process.stdout.readline().decode().strip()
        if not self.address:
            self._stop()
            raise RuntimeError("the embedded broker did not come up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main() -> int:
    """Serve until standard input ends."""
    from confluent_kafka import Producer  # noqa: PLC0415 - slow to import

    broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    found = broker.list_topics(timeout=START_LIMIT_S).brokers.values()
    addresses = [f"{one.host}:{one.port}" for one in found]
    if not addresses:
        return 1
    sys.stdout.write(addresses[0] + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
