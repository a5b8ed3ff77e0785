"""Files that have no end, or too much in them, are refused like any other fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.spec_faults import SpecError
from streams.bounded_file import read_bounded
from streams.model_files import read_spec_file
from streams.settings import SettingsError, read_settings


def test_a_file_within_the_limit_is_read(tmp_path: Path) -> None:
    """To the last byte."""
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert read_bounded(path, 3) == b"abc"
    with pytest.raises(OSError, match="larger than 2 bytes"):
        read_bounded(path, 2)


def test_a_device_and_a_pipe_are_no_specs(tmp_path: Path) -> None:
    """Reading them would never end."""
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name in ("zero", "pipe"):
        with pytest.raises(SpecError, match="no regular file"):
            read_spec_file(tmp_path / name)
        with pytest.raises(SettingsError, match="no regular file"):
            read_settings(tmp_path / name, {})


def test_settings_nested_deeply_are_a_fault(tmp_path: Path) -> None:
    """Not a traceback."""
    path = tmp_path / "deep.yaml"
    path.write_text("{a: " * 900 + "1" + "}" * 900)
    with pytest.raises(SettingsError, match="nested too deeply"):
        read_settings(path, {})
