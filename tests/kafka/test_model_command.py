"""`longshore model` on a real broker, before a worker that has no files: what is registered is
watched, and what contradicts is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.kafka.longshore_run import LongshoreRun, in_process, replayed
from tests.streams.cli_example import ExampleFiles
from tests.streams.test_cli_replay import profiled

LATER = "2026-02-01T00:00:00Z"
EARLIER = "2026-01-15T00:00:00Z"


def version(files: ExampleFiles, number: str, above: float) -> tuple[str, str, str]:
    """Spec and profile of another version, as ``model apply`` takes them."""
    spec = files.spec.with_name(f"{number}-{above}.yaml")
    profile = spec.with_suffix(".json")
    text = files.spec.read_text().replace('version: "1"', f'version: "{number}"')
    spec.write_text(text.replace("above: 0.20", f"above: {above}"))
    in_process("profile", str(spec), "--data", str(files.training), "--out", str(profile))
    return str(spec), "--profile", str(profile)


@pytest.mark.timeout(200)
def test_versions_come_and_go(kafka: str, topic_prefix: Callable[[], str], tmp_path: Path) -> None:
    """Registered, listed, refused where it contradicts, watched by a worker without files with the
    replay's own bytes, retired, forgotten."""
    files = profiled(tmp_path, drifted_by=2.0)
    profile = ("--profile", str(files.profile))
    events = ("--predictions", str(files.predictions))
    first = (str(files.spec), *profile)
    second, third, changed = (
        version(files, number, above) for number, above in (("2", 0.2), ("3", 0.2), ("2", 0.3))
    )
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:

        def refused(*arguments: str) -> str:
            where = {"LONGSHORE_BROKERS": kafka, "LONGSHORE_PREFIX": run.prefix}
            done = CliRunner().invoke(main, ["model", *arguments], env=where)
            assert done.exit_code == 2, done.output
            return " ".join(done.output.split())

        assert "0 versions" in run.command("model", "list")
        assert "is not registered" in refused("retire", "loans@1")
        told = run.command("model", "apply", *first, "--beside")
        assert "loans@1 beside the others" in told
        run.command("model", "apply", *second, "--effective-from", LATER)
        assert "another spec" in refused("apply", *changed)
        early = refused("apply", *third, "--effective-from", EARLIER)
        assert f"loans@2 takes over at {LATER} already" in early
        listed = run.command("model", "list").splitlines()
        assert [line.split("\t")[:2] for line in listed[:2]] == [
            ["loans@1", "beside"],
            ["loans@2", f"from {LATER}"],
        ]
        run.command("replay", *first, *events, "--out", str(tmp_path / "replay"))
        expected = replayed(tmp_path / "replay")
        assert expected["retraining-triggers"], "there is something to find"
        worker = run.start("worker", "--registered", log="worker.log")
        run.address()
        run.publish(first[0], *events)
        run.wait_for(expected, limit_s=90)
        run.stop(worker)
        run.command("model", "retire", "loans@1", "--at", LATER)
        run.command("model", "retire", "loans@2", "--forget")
        listed = run.command("model", "list").splitlines()
        assert "1 version" in listed[-1]
        assert listed[0].startswith(f"loans@1\tbeside, retired {LATER}")
