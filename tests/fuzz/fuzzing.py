"""One run of the fuzzer over one target, and what the fuzzer itself says of it.

Rule.  Executions, coverage and memory are read from libFuzzer's own output, never counted here.  A
run works on a corpus of its own that grows from run to run; the committed seeds are only read.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz.target import CORPUS, PACKAGE, Target, load

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "fuzz"
RSS_LIMIT_MB: Final = 1_024
BETWEEN: Final = ("sh", "-c", '"$@"; exit $?', "sh")
"""A small process that starts the fuzzer: Linux counts the size of who starts a process as its peak
memory, and the fuzzer would stop for the size of the tests before it."""
"""Memory beyond which a run is a finding."""
EXECUTION_SECONDS: Final = 30
"""Time beyond which one execution is a finding; a busy machine stretches milliseconds to one."""
START_SECONDS: Final = 120
"""Time to load the instrumented packages and to end."""
_DONE: Final = re.compile(
    r"#(\d+)\s+(?:INITED|DONE|NEW|REDUCE|pulse|RELOAD)\s+cov: (\d+) ft: (\d+)"
)
_INITED: Final = re.compile(r"#\d+\s+INITED cov: (\d+)")
_STAT: Final = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
_FINDING: Final = re.compile(r"Test unit written to (\S+)")
_ERROR: Final = re.compile(r"=== Uncaught Python exception: ===\n(.+)")
_SUMMARY: Final = re.compile(r"^SUMMARY: libFuzzer: (.+)$", re.MULTILINE)


class FuzzerError(RuntimeError):
    """The fuzzer itself could not run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What libFuzzer said at the end of one run."""

    executions: int
    seconds: float
    start_coverage: int
    """Counters reached by what it started from."""
    coverage: int
    peak_rss_mb: int
    finding: str
    """Path of the input that broke the rule; empty when none did."""
    error: str
    """What it broke, in one line."""


def fuzz(
    module: str,
    target: Target,
    corpora: Sequence[Path],
    artifacts: Path,
    *,
    runs: int | None = None,
    seconds: int | None = None,
    seed: int = 0,
) -> Run:
    """Fuzz for so many executions or seconds, whichever is over first; new inputs go to the first
    of ``corpora``.  Raises FuzzerError when there are no figures at the end."""
    artifacts.mkdir(parents=True, exist_ok=True)
    words = artifacts / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.WORDS))
    options = [
        f"-max_len={target.MAX_BYTES}",
        f"-rss_limit_mb={RSS_LIMIT_MB}",
        f"-timeout={EXECUTION_SECONDS}",
        f"-artifact_prefix={artifacts}/",
        *([f"-dict={words}"] if target.WORDS else []),
        "-print_final_stats=1",
        f"-seed={seed}",
        *([f"-runs={runs}"] if runs is not None else []),
        *([f"-max_total_time={seconds}"] if seconds is not None else []),
    ]
    packages = ",".join(target.INSTRUMENTED)
    command = [sys.executable, "-m", "tests.fuzz.one_target", module, packages, *options]
    ended = subprocess.run(
        [*BETWEEN, *command, *map(str, corpora)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=None if seconds is None else seconds + START_SECONDS,
    )
    return read(ended.stderr + ended.stdout)


def fuzz_target(name: str, *, runs: int | None, seconds: int | None, seed: int) -> Run:
    """Fuzz a target of the project from its seeds and from what earlier runs found."""
    own = CACHE / name / "corpus"
    own.mkdir(parents=True, exist_ok=True)
    return fuzz(
        f"{PACKAGE}.{name}",
        load(name),
        [own, CORPUS / name],
        CACHE / name / "findings",
        runs=runs,
        seconds=seconds,
        seed=seed,
    )


def read(output: str) -> Run:
    """The figures of libFuzzer's output; FuzzerError when they are not there."""
    stats = {name: int(number) for name, number in _STAT.findall(output)}
    lines = _DONE.findall(output)
    inited = _INITED.search(output)
    if not lines or "number_of_executed_units" not in stats:
        raise FuzzerError(f"the fuzzer gave no figures: {output[-2_000:]}")
    finding, error, summary = (p.search(output) for p in (_FINDING, _ERROR, _SUMMARY))
    what = error[1] if error else summary[1] if summary else ""
    took = re.search(r"Done \d+ runs in (\d+) second", output)
    return Run(
        executions=stats["number_of_executed_units"],
        seconds=float(took[1]) if took else 0.0,
        start_coverage=int(inited[1]) if inited else 0,
        coverage=int(lines[-1][1]),
        peak_rss_mb=stats.get("peak_rss_mb", 0),
        finding=finding[1] if finding else "",
        error=what if finding else "",
    )


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
