"""The page says what the runs came to, and a call goes on where the last one stopped."""

from __future__ import annotations

from tests.fuzz.__main__ import Wanted, is_done
from tests.fuzz.fuzzing import Run, read
from tests.fuzz.results import Total, document
from tests.fuzz.target import load, target_names

OUTPUT = """\
#63\tINITED cov: 200 ft: 223 corp: 28/2002b exec/s: 0 rss: 142Mb
#70\tNEW    cov: 201 ft: 224 corp: 29/2002b exec/s: 0 rss: 142Mb
 === Uncaught Python exception: ===
KeyError: 'x'
SUMMARY: libFuzzer: fuzz target exited
artifact_prefix='f/'; Test unit written to f/crash-1
stat::number_of_executed_units: 2487
stat::peak_rss_mb:              143
"""


def test_figures_are_the_fuzzers_own() -> None:
    """Executions, coverage, memory and the finding are what libFuzzer printed."""
    assert read(OUTPUT) == Run(2_487, 0.0, 200, 201, 143, "f/crash-1", "KeyError: 'x'")


def test_runs_add_up_on_the_page() -> None:
    """Executions add up over runs and targets; the page lists what was found."""
    first, second = target_names()[:2]
    totals = {first: Total(), second: Total()}
    totals[first].add(Run(1_000, 1.0, 10, 20, 100, "", ""))
    totals[first].add(Run(500, 2.0, 15, 30, 90, "f/crash-1", "KeyError: 'x'"))
    totals[second].add(Run(7, 1.0, 1, 2, 50, "", ""))
    page = document(totals)
    assert "| 1,500 | 500 | 10 → 30 | 100 | 1 |" in page
    assert "| all | | 1,507 |" in page
    assert f"- `{first}`: KeyError: 'x'" in page
    assert all(f"| {name} |" in page for name in target_names())


def test_a_target_is_done_when_it_had_its_executions() -> None:
    """By number only: a run by time is never done before."""
    name = target_names()[0]
    totals = {name: Total(executions=10)}
    assert is_done(Wanted(name, 10, None), totals)
    assert not is_done(Wanted(name, 11, None), totals)
    assert not is_done(Wanted(name, None, 5), totals)


def test_a_long_run_is_ten_million_executions() -> None:
    """What the targets ask for adds up to it."""
    assert sum(load(name).RUNS for name in target_names()) >= 10_000_000
