"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.replay import FILES, Source, replay
from streams.whole_files import whole_files, write_whole
from tests.streams.cli_example import ExampleFiles, example_files

NEW = b"new" * 1_000


@contextmanager
def full_disk(limit_bytes: int = 1_000) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def profiled(directory: Path) -> ExampleFiles:
    """The example with its profile."""
    files = example_files(directory)
    assert profile(files) == 0
    return files


def profile(files: ExampleFiles) -> int:
    """The exit code of making the profile."""
    arguments = ["profile", str(files.spec), "--data", str(files.training)]
    return CliRunner().invoke(main, [*arguments, "--out", str(files.profile)]).exit_code


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    """Until then the old one is there, and afterwards nothing beside the new one."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with whole_files([path, tmp_path / "b"]) as (first, second):
        first.write(NEW)
        second.write(b"two")
        first.flush()
        assert path.read_bytes() == b"old"
        assert not (tmp_path / "b").exists()
    assert path.read_bytes() == NEW
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "b"]


def test_a_full_disk_costs_none_of_several_old_files(tmp_path: Path) -> None:
    """The first could be written, the second not: both are as they were."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"old")

    def write() -> None:
        with whole_files(paths) as files:
            files[0].write(b"short")
            files[1].write(NEW)

    with full_disk(), pytest.raises(OSError, match="large"):
        write()
    assert [path.read_bytes() for path in paths] == [b"old", b"old"]
    assert sorted(tmp_path.iterdir()) == paths


def test_links_stay_and_pipes_are_written_to(tmp_path: Path) -> None:
    """A link's target is replaced, not the link; what is no file is not replaced at all."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW
    write_whole(Path(os.devnull), NEW)
    assert not Path(os.devnull).is_file()


def test_a_full_disk_costs_no_profile(tmp_path: Path) -> None:
    """The run fails and says so; the profile that was there is there still, and nothing else."""
    files = profiled(tmp_path)
    before, names = files.profile.read_bytes(), sorted(tmp_path.iterdir())
    with full_disk():
        assert profile(files) == 1
    assert files.profile.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == names


def test_an_interrupted_replay_leaves_no_file_that_looks_whole(tmp_path: Path) -> None:
    """What an earlier replay wrote stays as it was, and without one there is nothing."""
    from streams.model_files import load_model  # noqa: PLC0415 - slow to import

    files = profiled(tmp_path)
    model = load_model(files.spec, files.profile)
    source = Source("predictions", files.predictions, model.spec)
    out = tmp_path / "out"

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay([model], [source], 4, out, interrupted)
    assert list(out.iterdir()) == []
    replay([model], [source], 4, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert sorted(path.name for path in before) == sorted(f"{name}.ndjson" for name in FILES)
    with full_disk(), pytest.raises(OSError, match="large"):
        replay([model], [source], 4, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
