"""Warming up compiles everything that the first batches and the first window need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from streams.cli import main
from tests.streams.cli_example import example_files

CODE = """
import sys
from pathlib import Path
from detectors import adwin_kernel, kernels
from streams.model_files import load_model
from streams.replay import Source, replay
from streams.warm_up import warm_up

def compiled():
    return {
        (module.__name__, name): len(found.signatures)
        for module in (adwin_kernel, kernels)
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


def test_nothing_is_compiled_after_it(tmp_path: Path) -> None:
    """After warming up, a replay with drift, judgements and triggers compiles no kernel more."""
    files = example_files(tmp_path, drifted_by=2.0)
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
