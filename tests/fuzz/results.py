"""What the runs of every target came to, kept between runs and written as docs/fuzzing.md."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from tests.fuzz.fuzzing import CACHE, EXECUTION_SECONDS, ROOT, RSS_LIMIT_MB, Run
from tests.fuzz.target import REGRESSIONS, load, target_names

DOCUMENT: Final = ROOT / "docs" / "fuzzing.md"
STORED: Final = CACHE / "results.json"
_HEAD: Final = """\
# Fuzzing

`make fuzz` runs coverage-guided fuzzing (Atheris, which is libFuzzer for Python) over the targets
in `tests/fuzz/targets`, one file each, whose first lines say what must hold of any bytes. The
figures are libFuzzer's own, added up over its runs; this page is written by the tool. Coverage
counts branches and comparisons that were reached, by the seeds and at the end; it is compared only
within a target.

A run fails on any exception but the named ones, on a broken rule, on an execution over
{seconds} s (hang) and on more than {rss} MB (memory). Inputs that were findings stand in
`tests/fuzz/regressions` and are replayed by `make test`, as is a short run of the fuzzer itself.

"""


class Total(msgspec.Struct):
    """All runs of one target."""

    executions: int = 0
    seconds: float = 0.0
    start_coverage: int = 0
    coverage: int = 0
    peak_rss_mb: int = 0
    findings: list[str] = msgspec.field(default_factory=list)
    """What was broken, a line each."""

    def add(self, run: Run) -> None:
        """One more run."""
        self.executions += run.executions
        self.seconds += run.seconds
        self.start_coverage = self.start_coverage or run.start_coverage
        self.coverage = max(self.coverage, run.coverage)
        self.peak_rss_mb = max(self.peak_rss_mb, run.peak_rss_mb)
        if run.finding:
            self.findings.append(run.error)


def load_totals() -> dict[str, Total]:
    """Totals by target so far."""
    if not STORED.exists():
        return {}
    return msgspec.json.decode(STORED.read_bytes(), type=dict[str, Total])


def save_totals(totals: dict[str, Total]) -> None:
    """Keep them for the next call."""
    STORED.parent.mkdir(parents=True, exist_ok=True)
    STORED.write_bytes(msgspec.json.format(msgspec.json.encode(totals)))


def document(totals: dict[str, Total]) -> str:
    """The page of all targets that were run."""
    lines = [
        "| target | what must hold | executions | per second | coverage | peak MB | findings |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for name in target_names():
        total = totals.get(name, Total())
        rule = " ".join((load(name).__doc__ or "").split("\n\n")[0].split())
        rate = round(total.executions / total.seconds) if total.seconds else 0
        lines.append(
            f"| {name} | {rule} | {total.executions:,} | {rate:,} "
            f"| {total.start_coverage:,} → {total.coverage:,} | {total.peak_rss_mb} "
            f"| {len(total.findings)} |"
        )
    executions = sum(total.executions for total in totals.values())
    hours = sum(total.seconds for total in totals.values()) / 3600
    lines.append(f"| all | | {executions:,} | | | | |")
    mended = sum(1 for path in REGRESSIONS.rglob("*") if path.is_file())
    summary = (
        f"{executions:,} executions in {hours:.1f} hours of one process on a shared machine. "
        f"{mended} earlier findings were mended and are kept as regressions."
    )
    lines += ["", summary, ""]
    found = [f"- `{name}`: {text}" for name, t in sorted(totals.items()) for text in t.findings]
    lines += ["Findings of these runs:", "", *found, ""] if found else []
    lines.append(
        f"Atheris {metadata.version('atheris')}, CPython {platform.python_version()}, "
        f"msgspec {metadata.version('msgspec')}, numpy {metadata.version('numpy')}, "
        f"{platform.machine()}."
    )
    head = _HEAD.format(seconds=EXECUTION_SECONDS, rss=f"{RSS_LIMIT_MB:,}")
    return head + "\n".join(lines) + "\n"


def write_document(totals: dict[str, Total], path: Path = DOCUMENT) -> None:
    """Write the page."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(document(totals))
