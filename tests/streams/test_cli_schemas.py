"""`longshore schemas`: the contract with producers, as files."""

from __future__ import annotations

from pathlib import Path

import orjson
from click.testing import CliRunner

from engine.events import json_schemas
from streams.cli import main


def test_every_kind_of_event_gets_its_schema(tmp_path: Path) -> None:
    """The files are the schemas of the types that decode the events."""
    result = CliRunner().invoke(main, ["schemas", "--out", str(tmp_path / "schemas")])
    assert result.exit_code == 0
    found = {path.name: orjson.loads(path.read_bytes()) for path in tmp_path.glob("schemas/*")}
    assert found == {f"{name}.schema.json": schema for name, schema in json_schemas().items()}
    assert sorted(result.stdout.split()) == sorted(map(str, tmp_path.glob("schemas/*")))


def test_a_place_that_cannot_be_written_exits_1(tmp_path: Path) -> None:
    """A file where the directory should be."""
    (tmp_path / "schemas").write_text("taken")
    result = CliRunner().invoke(main, ["schemas", "--out", str(tmp_path / "schemas" / "below")])
    assert result.exit_code == 1
    assert "schemas/below" in result.stderr


def test_the_committed_schemas_are_current(tmp_path: Path) -> None:
    """What producers read in the repository is what this version decodes by."""
    committed = Path(__file__).parents[2] / "schemas"
    CliRunner().invoke(main, ["schemas", "--out", str(tmp_path)])
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found = {path.name: path.read_bytes() for path in committed.iterdir()}
    assert found == made, "run: longshore schemas --out schemas"
