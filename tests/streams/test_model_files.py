"""Models from their files: one broken file never stops the others, and no fault is left untold."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.model_files import ModelFilesError, load_model, load_models
from streams.settings import ModelFiles
from tests.streams.cli_example import SPEC, ExampleFiles, example_files


@pytest.fixture
def files(tmp_path: Path) -> ExampleFiles:
    """The example with its profile."""
    files = example_files(tmp_path)
    arguments = ["profile", files.spec, "--data", files.training, "--out", files.profile]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    return files


def pair(spec: Path, profile: Path) -> ModelFiles:
    """Two paths as the settings have them."""
    return ModelFiles(spec=str(spec), profile=str(profile))


def test_a_sound_model_is_loaded(files: ExampleFiles) -> None:
    """Spec, profile and layout belong together."""
    model = load_model(files.spec, files.profile)
    assert model.key == "loans@1"
    assert model.layout.size > 0


def test_a_broken_model_leaves_the_others_running(files: ExampleFiles, tmp_path: Path) -> None:
    """A broken spec, a damaged profile and an unreadable file: each told with its path, the sound
    model loaded."""
    spec, profile = tmp_path / "other.yaml", tmp_path / "damaged.json"
    spec.write_text("model: x\nsurprise: 1\n")
    profile.write_bytes(files.profile.read_bytes().replace(b'"rows": 19200', b'"rows": 19201'))
    loaded = load_models(
        [
            pair(spec, files.profile),
            pair(files.spec, profile),
            pair(files.spec, files.profile),
            pair(tmp_path / "none.yaml", files.profile),
        ]
    )
    assert [model.key for model in loaded.models] == ["loans@1"]
    told = "\n".join(loaded.faults)
    assert f"{spec}: line 2, surprise" in told
    assert f"{profile}: the profile's hash does not match" in told
    assert f"{tmp_path / 'none.yaml'}: cannot be read: No such file" in told


def test_an_estimator_of_losses_is_refused_at_its_line(files: ExampleFiles) -> None:
    """The names are those that discovery finds, and the refusal says which can be had."""
    files.spec.write_text(SPEC + "estimators:\n  adwin: {}\n  page_hinkley: {}\n")
    with pytest.raises(ModelFilesError) as raised:
        load_model(files.spec, files.profile)
    line = len(SPEC.splitlines()) + 3
    assert (
        f"{files.spec}: line {line}, estimators.page_hinkley: watches losses, not features; "
        in (str(raised.value))
    )
    assert "there are: adwin" in str(raised.value)


def test_every_fault_of_both_files_is_told(tmp_path: Path) -> None:
    """A broken spec does not hide that the profile is missing."""
    spec = tmp_path / "spec.yaml"
    spec.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelFilesError) as raised:
        load_model(spec, tmp_path / "none.json")
    assert raised.value.faults == [
        f"{spec}: is not UTF-8 text",
        f"{tmp_path / 'none.json'}: cannot be read: No such file or directory",
    ]


def test_a_profile_of_another_version_is_a_fault(files: ExampleFiles, tmp_path: Path) -> None:
    """Judging against the wrong reference would be worse than not judging."""
    spec = tmp_path / "other.yaml"
    spec.write_text(SPEC.replace('version: "1"', 'version: "2"'))
    with pytest.raises(ModelFilesError, match="is of loans@1, the spec of loans@2"):
        load_models([pair(spec, files.profile)])


def test_the_same_model_twice_is_watched_once(files: ExampleFiles) -> None:
    """Two judges of one model would contradict each other on the same topics."""
    loaded = load_models([pair(files.spec, files.profile)] * 2)
    assert len(loaded.models) == 1
    assert "loans@1 was named before" in loaded.faults[0]


def test_no_model_at_all_refuses_to_start() -> None:
    """Nothing to do is a mistake of the configuration."""
    with pytest.raises(ModelFilesError, match="no model is named"):
        load_models([])
