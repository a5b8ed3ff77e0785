"""What a worker does not import when it starts, because every restart would wait for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("river", "sklearn", "pandas", "scipy.stats", "polars", "matplotlib")
STARTED = """
import sys
import streams.app, streams.cli.worker, streams.metrics, streams.model_files, streams.warm_up
from detectors.discovery import discovered
discovered()
print(*sys.modules)
"""


def test_a_worker_starts_without_heavy_packages() -> None:
    """River with scikit-learn took more than half of all imports, for a bank that few choose."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded = set(done.stdout.split())
    assert "detectors.adwin" in loaded
    assert loaded.isdisjoint(HEAVY)
