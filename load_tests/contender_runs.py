"""Running one contender once: assignment in, measurement out, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from load_tests.contenders.protocol import Assignment, parse_measurement
from load_tests.outcomes import Round
from load_tests.peers import peers_python
from load_tests.processes import Child

RUN_TIMEOUT_S: Final = 150.0


class ContenderFailedError(RuntimeError):
    """A contender did not do its work; the message says how it ended."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A program measured: what the table calls it, and the module that does it."""

    name: str
    label: str
    module: str
    python: Callable[[], Path]


def _own_python() -> Path:
    return Path(sys.executable)


FLOOR: Final = Contender("floor", "floor: consume + decode", "floor", _own_python)
NAIVE: Final = Contender("naive", "naive Faust + River", "naive", _own_python)
HANDWRITTEN: Final = Contender("handwritten", "hand-written + River", "handwritten", _own_python)
QUIX: Final = Contender("quixstreams", "quixstreams + River", "quix", peers_python)
PEERS: Final = (FLOOR, NAIVE, HANDWRITTEN, QUIX)


def run_contender(
    contender: Contender, assignment: Assignment, number: int, directory: Path
) -> Round:
    """Run it once over the backlog.

    Raises ContenderFailedError when it ends without a measurement, takes longer than RUN_TIMEOUT_S
    or counts other than it was told to; PeersError when its environment cannot be made.
    """
    command = [str(contender.python()), "-m", f"load_tests.contenders.{contender.module}"]
    log = directory / f"{contender.name}-{number}.log"
    started_at = time.time()
    with Child(command, directory, log) as child:
        try:
            output, _ = child.process.communicate(
                json.dumps(asdict(assignment)) + "\n", timeout=RUN_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            os.killpg(child.process.pid, signal.SIGKILL)
            raise ContenderFailedError(f"no result within {RUN_TIMEOUT_S:g} s") from error
        results = [line for line in output.splitlines() if line.startswith("{")]
        if not results:
            raise ContenderFailedError(
                f"ended with code {child.process.returncode} and no result: {child.log_tail()}"
            )
    measurement = parse_measurement(results[0])
    counted = sum(measurement.counted.values()) if measurement.counted else measurement.events
    if measurement.events < assignment.events or counted != measurement.events:
        raise ContenderFailedError(
            f"{assignment.events} events to count, {counted} counted of {measurement.events} seen"
        )
    return Round(number, measurement, measurement.first_record_at - started_at)
