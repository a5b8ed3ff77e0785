"""Specs, profiles and one file of events of two versions, of which the second is better."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.profile import encode_profile
from tests.engine.champion.test_comparison import BETTER, LABEL, streams
from tests.engine.champion.worlds import TIME, values, versions
from tests.engine.models import spec_text


class ChampionFiles(NamedTuple):
    """Paths."""

    champion: tuple[Path, Path]
    """Spec and profile."""
    challenger: tuple[Path, Path]
    predictions: Path
    labels: Path


def champion_files(directory: Path, gain: float = 0.15) -> ChampionFiles:
    """Write them."""
    sections = {
        "inputs": "[predictions, labels]",
        "label": LABEL,
        "time": TIME,
        "estimators": "{}",
        "windows": "[1m, 5m]",
    }
    pairs = []
    for model in versions(BETTER, LABEL):
        version = model.spec.version
        spec, profile = directory / f"{version}.yaml", directory / f"{version}.json"
        more = {"comparison": BETTER} if version == "v2" else {}
        spec.write_text(spec_text(version=version, **sections, **more))
        profile.write_bytes(encode_profile(model.profile))
        pairs.append((spec, profile))
    paths = []
    for name, trees in zip(("predictions", "labels"), streams(gain), strict=True):
        paths.append(directory / f"{name}.ndjson")
        paths[-1].write_bytes(b"\n".join(values(trees)) + b"\n")
    return ChampionFiles(pairs[0], pairs[1], *paths)
