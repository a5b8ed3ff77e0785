"""Warming up compiles everything that the first batches and the first window need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from engine.effects import Publish
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from streams import warm_up as warming
from streams.cli import main
from streams.model_files import load_model
from tests.streams.cli_example import example_files

CODE = """
import sys
from pathlib import Path
from detectors import (
    adwin_kernel, decade_kernel, kernels, key_table_kernel, kswin_kernel, loss_kernels,
    packing_kernel, rate_kernels, stale_kernel,
)
from streams.model_files import load_model
from streams.replay import Source, replay
from streams.warm_up import warm_up

MODULES = (
    adwin_kernel, decade_kernel, kernels, key_table_kernel, kswin_kernel, loss_kernels,
    packing_kernel, rate_kernels, stale_kernel,
)

def compiled():
    return {
        (module.__name__, name): len(found.signatures)
        for module in MODULES
        for name, found in vars(module).items()
        if hasattr(found, "signatures")
    }

spec, profile, predictions, labels, out = map(Path, sys.argv[1:])
model = load_model(spec, profile)
assert not any(compiled().values())
warm_up([model])
warm = compiled()
assert any(warm.values())
sources = [Source("predictions", predictions, model.spec), Source("labels", labels, model.spec)]
replay([model], sources, 4, out)
print({name: (warm[name], count) for name, count in compiled().items() if count != warm[name]})
"""


MORE = """\
estimators: {adwin: {}, stale: {after: 2}}
business: {approval_rate: {min: 0.9}}
operations: {}
"""


@pytest.mark.parametrize(
    "prediction", ["type: binary, threshold: 0.5", "type: regression"], ids=["binary", "regression"]
)
def test_nothing_is_compiled_after_it(tmp_path: Path, prediction: str) -> None:
    """After warming up, a replay with drift, bad values, judgements and triggers compiles no kernel
    more; also where there are no decisions, and the first rate tested is that of a fault."""
    files = example_files(tmp_path, drifted_by=2.0)
    spec = files.spec.read_text().replace("type: binary, threshold: 0.5", prediction)
    files.spec.write_text(spec + MORE)
    predictions = pl.read_parquet(files.predictions)
    missing = pl.when(pl.int_range(pl.len()) % 3 > 0).then("amount")
    predictions.with_columns(
        amount=missing, value=pl.col("score"), latency_ms=1.5, error=pl.col("score") > 0.5
    ).write_parquet(files.predictions)
    arguments = ["profile", files.spec, "--data", files.training, "--out", files.profile]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    paths = (files.spec, files.profile, files.predictions, files.labels, tmp_path / "out")
    told = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "{}"


class Watched(Pipeline):
    """A pipeline whose judgements are kept."""

    judged: list[bytes]

    def accept(self, batch: RecordBatch) -> list[Publish]:
        return self._keep(super().accept(batch))

    def flush(self) -> list[Publish]:
        return self._keep(super().flush())

    def _keep(self, effects: list[Publish]) -> list[Publish]:
        Watched.judged += [e.value or b"" for e in effects if e.topic == "judgements"]
        return effects


def test_one_window_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the windows are: with a thousand features each one more delays the start."""
    files = example_files(tmp_path)
    files.spec.write_text(files.spec.read_text().replace("[{length: 1h", "[1d, 7d, {length: 1h"))
    arguments = ["profile", files.spec, "--data", files.training, "--out", files.profile]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    monkeypatch.setattr(warming, "Pipeline", Watched)
    Watched.judged = []
    warming.warm_up([load_model(files.spec, files.profile)])
    assert len(Watched.judged) == 1
    assert b'"window":"1h"' in Watched.judged[0]
