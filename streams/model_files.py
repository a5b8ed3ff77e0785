"""The monitored models of a worker, from their spec and profile files.

Rule.  A model whose files are broken leaves the others running, and every fault of every file is
told; a worker without a single sound model has nothing to do and refuses to start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.model import MonitoredModel, build_model
from engine.profile import Profile, ProfileError, decode_profile
from engine.spec import Spec
from engine.spec_faults import Fault, SpecError
from engine.spec_yaml import MAX_SPEC_BYTES
from streams.bounded_file import read_bounded
from streams.settings import ModelFiles

MAX_MODELS: Final = 1_000
"""Models of one worker; more are shared out among groups of workers."""
MAX_PROFILE_BYTES: Final = 268_435_456
"""2,000 features with a thousand cells and a season each take half of it."""


class ModelFilesError(ValueError):
    """Files of models cannot be used; ``faults`` has one line each, naming the file."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """What could be read, and what was wrong with the rest."""

    models: tuple[MonitoredModel, ...]
    faults: tuple[str, ...]
    """One line each, naming the file and the place in it."""


def read_spec_file(path: Path) -> Spec:
    """The spec in a YAML file; SpecError lists every fault, an unreadable file included."""
    try:
        text = read_bounded(path, MAX_SPEC_BYTES).decode()
    except OSError as error:
        raise SpecError([Fault("", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SpecError([Fault("", "is not UTF-8 text")]) from error
    return read_spec_text(text)


def read_spec_text(text: str) -> Spec:
    """The spec in a YAML text; SpecError lists every fault."""
    from detectors.discovery import estimators, watching  # noqa: PLC0415 - compiles kernels
    from engine.decide.asking import HELD  # noqa: PLC0415
    from engine.decide.rules import rules  # noqa: PLC0415
    from engine.spec_reading import read_spec  # noqa: PLC0415

    of_features = watching("features")
    return read_spec(text, set(of_features), set(estimators()) - set(of_features), {*rules(), HELD})


def read_profile_file(path: Path) -> Profile:
    """The profile in a JSON file; ProfileError says why it cannot be used."""
    try:
        return decode_profile(read_bounded(path, MAX_PROFILE_BYTES))
    except OSError as error:
        raise ProfileError(f"cannot be read: {error.strerror}") from error


def load_model(spec_path: Path, profile_path: Path) -> MonitoredModel:
    """One model; ModelFilesError has every fault of both files."""
    faults: list[str] = []
    spec = profile = None
    try:
        spec = read_spec_file(spec_path)
    except SpecError as error:
        faults += [f"{spec_path}: {fault}" for fault in error.faults]
    try:
        profile = read_profile_file(profile_path)
    except ProfileError as error:
        faults.append(f"{profile_path}: {error}")
    if spec is not None and profile is not None:
        try:
            return build_model(spec, profile)
        except ProfileError as error:
            faults.append(f"{profile_path}: {error}")
    raise ModelFilesError(faults)


def load_models(files: Sequence[ModelFiles]) -> LoadedModels:
    """All models whose files are sound, in the order given.

    Raises ModelFilesError with every fault when no model is left, or none was named.
    """
    if len(files) > MAX_MODELS:
        raise ModelFilesError(
            [f"{len(files)} models, at most {MAX_MODELS}: share them out among groups of workers"]
        )
    models: dict[str, MonitoredModel] = {}
    faults: list[str] = []
    for pair in files:
        try:
            model = load_model(Path(pair.spec), Path(pair.profile))
        except ModelFilesError as error:
            faults += error.faults
            continue
        if model.key in models:
            faults.append(f"{pair.spec}: {model.key} was named before; this file is left out")
            continue
        models[model.key] = model
    if not models:
        raise ModelFilesError(faults or ["no model is named"])
    for model in models.values():
        rules = model.spec.comparison
        if rules is not None and f"{model.spec.model}@{rules.champion}" not in models:
            faults.append(
                f"{model.key}: comparison.champion: {rules.champion} is not among the models of "
                "this worker; nothing is compared"
            )
    return LoadedModels(tuple(models.values()), tuple(faults))
