"""The real fuzzer over all targets for a few seconds, and proof that it would find a fault."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz import all_targets, spoiled_decoder
from tests.fuzz.fuzzing import ROOT, FuzzerError, fuzz, read
from tests.fuzz.spoiled_decoder import BROKEN_ON
from tests.left_out import missing

SHORT_SECONDS: Final = 6
EXECUTIONS_AT_LEAST: Final = 200
"""A machine busy with ten other things does several thousand."""


@pytest.fixture(autouse=True)
def _fuzzer() -> None:
    """Leave the test out where there is no Atheris."""
    if importlib.util.find_spec("atheris") is None:
        where = f"{platform.system()} {platform.machine()}, Python {sys.version_info[1]}"
        missing("atheris", f"x86_64 Linux with Python 3.11 to 3.13, not {where}; make install")


def test_all_targets_hold_from_nothing(tmp_path: Path) -> None:
    """Without a corpus to start from: executions were done, coverage grew, and no rule broke."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    run = fuzz(
        all_targets.__name__,
        all_targets,
        [corpus],
        tmp_path / "findings",
        seconds=SHORT_SECONDS,
        seed=7,
    )
    assert run.finding == "", run.error
    assert run.executions >= EXECUTIONS_AT_LEAST
    assert run.coverage > run.start_coverage > 0
    assert list(corpus.iterdir())


def test_a_broken_decoder_is_found(tmp_path: Path) -> None:
    """A decoder that crashes on one first byte is found from the seeds, and the input kept."""
    corpus, own = tmp_path / "seeds", tmp_path / "own"
    corpus.mkdir()
    own.mkdir()
    for number, seed in enumerate(spoiled_decoder.seeds().values()):
        (corpus / str(number)).write_bytes(seed)
    run = fuzz(
        spoiled_decoder.__name__,
        spoiled_decoder,
        [own, corpus],
        tmp_path / "findings",
        seconds=3 * SHORT_SECONDS,
        seed=7,
    )
    assert "broken on purpose" in run.error
    assert Path(run.finding).read_bytes()[0] == BROKEN_ON


def test_the_size_of_the_tests_is_not_the_fuzzers(tmp_path: Path) -> None:
    """A process as large as the limit starts it, and is not taken for it."""
    program = (
        "import sys; from pathlib import Path; from tests.fuzz import all_targets as t; "
        "from tests.fuzz.fuzzing import RSS_LIMIT_MB, fuzz; "
        "large = bytearray(b'x') * (RSS_LIMIT_MB << 20); at = Path(sys.argv[1]); "
        "(at / 'c').mkdir(); run = fuzz(t.__name__, t, [at / 'c'], at / 'f', runs=20); "
        "print(run.finding, run.peak_rss_mb < RSS_LIMIT_MB)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "True"


def test_output_without_figures_is_an_error() -> None:
    """A fuzzer that did not run is not taken for one that found nothing."""
    with pytest.raises(FuzzerError, match="no figures"):
        read("ModuleNotFoundError: no such target")
