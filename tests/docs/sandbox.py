"""Runs the commands of a page as a reader would: one shell, an empty folder, the real programs.

Rule.  What is unlike a reader's machine is listed here and nowhere else:

* programs come from a folder in front of PATH: ``longshore`` and ``python`` are this environment's,
  ``make install`` is done already, ``make kafka-up`` prints the address of the test's broker;
* programs that install, or reach beyond the folder (``pip``, ``apt-get``, ``docker`` and so on),
  are refused: what needs them is marked as not run;
* pages that begin with ``cd examples/...`` start in a copy of the repository in which the flights
  are every eighth one from March to mid-June;
* :data:`REPLACED`: ports, topic prefix and pace, so that tests run side by side and in minutes.

A command that fails ends the session, and the test says at which block.  Where the shell's ``set
-e`` would let one pass it is told (:func:`strict`): in a pipe, left of ``&&``, within ``export
X=$(...)``.  What was started in the background is ended with the session.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT, Block, Page
from tests.kafka.libraries import kafka_libraries
from tests.kafka.longshore_run import QUICK
from tests.owned_process import WATCHDOG, free_ports

BEGIN: Final = "@@ block at line "
WORKER_PORTS: Final = ("127.0.0.1:9646", "127.0.0.1:9647")
REPLACED: Final = {
    "--speed 86400": "--speed 8640000",
    "127.0.0.1:9092": "$LONGSHORE_BROKERS",
}
"""What pages say -> what is run."""
TOPIC: Final = re.compile(r"\bdrift\.(?=[a-z])")
PYTHON: Final = """\
case "$*" in
  *"-m pip"* | *"-m ensurepip"* | *"-m venv"*) echo "the sandbox installs nothing" >&2; exit 1 ;;
esac
exec "{python}" "$@\""""
PROGRAMS: Final = {
    "longshore": 'exec "{python}" -m streams.cli "$@"',
    **dict.fromkeys(("python", "python3"), PYTHON),
    "kafka-console-producer.sh": "exec java {java} org.apache.kafka.tools.ConsoleProducer {at}",
    **dict.fromkeys(
        ("pip", "pip3", "apt-get", "apt", "docker", "mvn", "sudo", "systemctl", "git"),
        'echo "the sandbox changes no machine: $0 $*" >&2\nexit 1',
    ),
    "make": """\
for word in "$@"; do
  case $word in
    install | kafka-down) exit 0 ;;
    kafka-up) echo "$TEST_BROKERS"; exit 0 ;;
  esac
done
echo "no target of the sandbox: make $*" >&2
exit 1""",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What one block printed, on either stream, and how long it took."""

    block: Block
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Session:
    """How it went."""

    told: tuple[Told, ...]
    status: int

    def failure(self) -> str:
        """Which block failed and its last words; empty when none did."""
        if self.status == 0:
            return ""
        last = self.told[-1]
        return f"line {last.block.line}: exit code {self.status}\n{last.text[-3000:]}"


def run(
    page: Page,
    directory: Path,
    checkout: Path,
    *,
    brokers: str = "",
    limit_s: float,
    whole: bool = False,
) -> Session:
    """Run the blocks of ``page`` in ``directory``; ``brokers`` is empty where there is none, and
    only of a ``whole`` page those that take long are run."""
    programs = directory / "programs"
    _write_programs(programs, with_kafka=bool(brokers))
    home = checkout if page.name in IN_CHECKOUT else directory / "reader"
    home.mkdir(exist_ok=True)
    (directory / "saved").mkdir()
    ports = dict(zip(WORKER_PORTS, free_ports(len(WORKER_PORTS)), strict=True))
    prefix = f"docs-{page.name.removesuffix('.md').replace('/', '-').lower()}."
    script = directory / "session.sh"
    script.write_text(_script(page, directory, ports, prefix, whole=whole))
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("LONGSHORE_")},
        **{name: text for name, text in QUICK.items() if name != "LONGSHORE_HTTP_PORT"},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(directory),
        "COLUMNS": "200",
        "LONGSHORE": str(checkout),
        "LONGSHORE_HTTP_PORT": str(ports[WORKER_PORTS[0]]),
        "LONGSHORE_PREFIX": prefix,
        "LONGSHORE_GROUP": prefix.strip("."),
        "TEST_BROKERS": brokers,
    }
    return _finished(page, script, home, environment, limit_s)


IN_CHECKOUT: Final = frozenset({"README.md", "examples/README.md"})
"""Pages whose reader stands in the repository."""


def checkout_copy(directory: Path, flights: Path) -> Path:
    """The repository as links, the examples as a copy with the flights' tables of ``flights``."""
    there = directory / "longshore"
    there.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {"examples", ".venv", ".git"}:
            (there / path.name).symlink_to(path)
    shutil.copytree(ROOT / "examples", there / "examples", ignore=shutil.ignore_patterns("__py*"))
    for name in ("predictions", "labels"):
        shutil.copy(flights / f"{name}.parquet", there / "examples" / "flights")
    activate = there / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text("")
    return there


def is_run(block: Block, *, whole: bool) -> bool:
    """Whether the program that a block needs is installed, and there is time for it."""
    program, _ = block.needs
    return (not program or shutil.which(program) is not None) and (
        whole or "long" not in block.directives
    )


def _write_programs(programs: Path, *, with_kafka: bool) -> None:
    programs.mkdir()
    libraries = kafka_libraries() if with_kafka else ""
    java = f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '{libraries}/*'"
    for name, body in PROGRAMS.items():
        path = programs / name
        filled = body.replace("{python}", sys.executable).replace("{java}", java)
        path.write_text("#!/bin/bash\n" + filled.replace("{at}", '"$@"') + "\n")
        path.chmod(0o755)


def _script(page: Page, directory: Path, ports: dict[str, int], prefix: str, *, whole: bool) -> str:
    def own(text: str) -> str:
        for said, port in ports.items():
            text = text.replace(said, f"127.0.0.1:{port}")
        for said, done in REPLACED.items():
            text = text.replace(said, done)
        return TOPIC.sub(prefix, text)

    lines = ["set -eu -o pipefail"]
    for block in page.blocks:
        if name := block.directives.get("file"):
            saved = directory / "saved" / f"{block.line}"
            saved.write_text(own(block.text))
            lines.append(f"cp '{saved}' '{name}'")
        elif block in page.run and is_run(block, whole=whole):
            lines += [f'echo "{BEGIN}{block.line} at $EPOCHREALTIME"', strict(own(block.text))]
    return "\n".join([*lines, f'echo "{BEGIN}0 at $EPOCHREALTIME"']) + "\n"


def strict(text: str) -> str:
    """Commands that ``set -e`` would not look at, as ones that it does: ``a && b`` and an export of
    what a command prints are two lines each.  Conditions and here-documents stay."""
    lines, until = [], ""
    for line in text.splitlines():
        if until:
            until = "" if line.strip() == until else until
        elif exported := _EXPORTED.match(line):
            line = f"{exported[1]}; export {exported[2]}"  # noqa: PLW2901
        elif not _CONDITION.search(line):
            line = _AND.sub(lambda found: found[1] or "\n", line)  # noqa: PLW2901
        if document := _DOCUMENT.search(line):
            until = document[1]
        lines.append(line)
    return "\n".join([*lines, ""])


_EXPORTED: Final = re.compile(r"^\s*export ((\w+)=\$\(.*\))$")
_AND: Final = re.compile(r"""('[^']*'|"[^"]*")| && """)
"""Outside of quotes only."""
_CONDITION: Final = re.compile(r"\b(?:until|while|if|then)\b|\|\||^\s*\[")
_DOCUMENT: Final = re.compile(r"<<-?\s*['\"]?(\w+)")


def _finished(
    page: Page, script: Path, home: Path, environment: dict[str, str], limit_s: float
) -> Session:
    log = script.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", str(script)],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Ends the session when the tests themselves are killed.
        watchdog = subprocess.Popen(
            ["sh", "-c", WATCHDOG, "watchdog", str(process.pid), str(script)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            _end(process)
            watchdog.kill()
            watchdog.communicate()
    return Session(_told(page, log.read_text(errors="replace")), status)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what the session left in the background; its process group is its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(30)


def _told(page: Page, log: str) -> tuple[Told, ...]:
    begins = re.split(rf"^{BEGIN}(\d+) at ([\d.]+)$\n?", log, flags=re.MULTILINE)
    by_line = {block.line: block for block in page.blocks}
    lines, times, texts = begins[1::3], list(map(float, begins[2::3])), begins[3::3]
    ends = [*times[1:], *times[-1:]]
    return tuple(
        Told(by_line[int(line)], text, end - begin)
        for line, begin, end, text in zip(lines, times, ends, texts, strict=True)
        if line != "0"
    )


def unlike(expected: str, printed: str) -> list[str]:
    """The lines of ``expected`` that were not printed, in their order.  White space counts once;
    ``…`` is anything, and alone on a line any number of lines."""
    found = [" ".join(line.split()) for line in printed.splitlines()]
    missing, at = [], 0
    for line in expected.splitlines():
        wanted = " ".join(line.split())
        if wanted in {"", "…"}:
            continue
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        match = next((n for n in range(at, len(found)) if pattern.fullmatch(found[n])), None)
        if match is None:
            missing.append(line)
        else:
            at = match + 1
    return missing
