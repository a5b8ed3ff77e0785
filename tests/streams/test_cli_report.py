"""`longshore report`: files and topics in, one HTML file and a PDF out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import orjson
import pytest
from confluent_kafka import Producer

from engine.review.index import index_of
from engine.review.scope import Scope
from engine.review.spent import budget_of
from streams.embedded import EmbeddedBroker
from streams.model_files import load_model
from streams.model_registration import read_version, register
from streams.pdf import pdf_of
from streams.period_records import topics_in
from streams.replay import Source
from streams.replay import replay as replay_files
from streams.settings import Settings
from tests.streams.cli_example import ExampleFiles
from tests.streams.pdf_text import pdf_pages
from tests.streams.test_cli_replay import OUTPUTS, profiled, records, run

HOURS: Final = ("2026-01-03T00:00:00Z", "2026-01-03T05:00:00Z")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ExampleFiles:
    """The example whose six hours have drifted."""
    return profiled(tmp_path_factory.mktemp("report"), drifted_by=2.0)


@pytest.fixture(scope="module")
def spent(files: ExampleFiles) -> float:
    """What the judge's own decisions say was spent of the budget; the records are in ``out``."""
    model = load_model(files.spec, files.profile)
    sources = [
        Source("predictions", files.predictions, model.spec),
        Source("labels", files.labels, model.spec),
    ]
    told = replay_files([model], sources, 4, files.spec.parent / "out", results=[])
    assert told.pipeline is not None
    return told.pipeline.judges[model.key].decisions.spent.nano_pages / 1e9


@pytest.fixture(scope="module")
def out(files: ExampleFiles, spent: float) -> Path:
    """The records of a replay."""
    assert spent > 0
    return files.spec.parent / "out"


def test_a_replay_is_rendered(files: ExampleFiles, out: Path, tmp_path: Path) -> None:
    """The whole of it without a word more; the same bytes again, and with all of it said."""
    made = run("report", out, "--spec", files.spec, "--out", tmp_path / "a.html")
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == str(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text()
    assert "Monitoring report: loans" in text
    assert "credit-risk" in text
    assert "(the one given)" in text
    said = run(
        *("report", out, "--spec", files.spec, "--out", tmp_path / "b.html", "--kind", "review"),
        *("--model", "loans", "--version", "1", "--from", HOURS[0], "--to", HOURS[1]),
    )
    assert said.exit_code == 0, said.output
    assert (tmp_path / "b.html").read_text() == text


def test_the_budget_is_what_the_judge_spent(files: ExampleFiles, out: Path, spent: float) -> None:
    """The report adds up from records what decisions remember."""
    model = load_model(files.spec, files.profile)
    index = index_of(topics_in(out)["judgements"]())
    span = index.span("loans")
    assert span is not None
    budget = budget_of(model.spec, index, Scope("loans", ("1",), *span))
    assert budget.spent == pytest.approx(spent, abs=1e-9)


def test_a_digest_is_of_the_last_seven_days(out: Path, tmp_path: Path) -> None:
    """Up to the end of the records, or to the day that is asked for."""
    made = run("report", out, "--kind", "digest", "--out", tmp_path / "week.html")
    assert made.exit_code == 0, made.output
    assert "2025-12-27 05:00 to 2026-01-03 05:00 UTC (7d)" in (tmp_path / "week.html").read_text()
    made = run(
        *("report", out, "--kind", "digest", "--to", "2026-01-10", "--out", tmp_path / "w.html")
    )
    assert made.exit_code == 0, made.output
    text = (tmp_path / "w.html").read_text()
    assert "2026-01-03 00:00 to 2026-01-10 00:00 UTC (7d)" in text
    assert "no window was judged" in text


def test_a_period_to_the_end_of_all_time_is_drawn(out: Path, tmp_path: Path) -> None:
    """As far as a calendar reaches."""
    made = run(
        *("report", out, "--out", tmp_path / "all.html", "--from", "1970-01-01"),
        *("--to", "9999-12-31T23:59:59Z"),
    )
    assert made.exit_code == 0, made.output
    assert "1970-01-01 00:00 to 9999-12-31 23:59" in (tmp_path / "all.html").read_text()


def test_a_period_before_everything_says_so(out: Path, tmp_path: Path) -> None:
    """Of a version that is known, and of a model that is not, where both ends are given."""
    for name, model in (("version", "loans"), ("model", "nobody")):
        made = run(
            *("report", out, "--model", model, "--out", tmp_path / f"{name}.html"),
            *("--from", "2020-01-01", "--to", "2020-02-01"),
            *(("--version", "1") if name == "version" else ()),
        )
        assert made.exit_code == 0, made.output
        text = (tmp_path / f"{name}.html").read_text()
        assert "No window of this model was judged in the period" in text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--model", "loan"], "no window of loan was judged; the records have: loans"),
        (["--version", "9"], "no window of loans@9; versions: 1"),
        (["--from", "yesterday"], "--from yesterday: is no day and no time with a zone"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "--from is not before --to"),
        (["--to", "2020-01-01"], "--to is no later than where the records begin, 2026-01-03T"),
        (["--from", "2030-01-01"], "--from is no earlier than where the records end, 2026-01-03T"),
        (["--broker", "127.0.0.1:1"], "two sources"),
        (["--out", "no/such/report.html"], "it is no directory"),
    ],
)
def test_what_cannot_be_is_refused(out: Path, tmp_path: Path, more: list[str], told: str) -> None:
    """Exit code 2, with what is wrong."""
    made = run("report", out, "--out", tmp_path / "r.html", *more)
    assert made.exit_code == 2
    assert told in made.stderr


def test_records_of_another_kind_are_refused(out: Path, tmp_path: Path) -> None:
    """Several models without a name, no directory of records, and lines that are none of ours."""
    made = run("report", tmp_path, "--out", tmp_path / "r.html")
    assert (made.exit_code, "judgements.ndjson" in made.stderr) == (2, True)
    shutil.copytree(out, tmp_path / "two")
    path = tmp_path / "two" / "judgements.ndjson"
    other = orjson.loads(path.read_bytes().splitlines()[0]) | {"model": "other"}
    path.write_bytes(path.read_bytes() + orjson.dumps(other) + b"\n")
    made = run("report", tmp_path / "two", "--out", tmp_path / "r.html")
    assert (made.exit_code, "2 models: loans, other" in made.stderr) == (2, True)
    path.write_text('{"model": "loans"}\n')
    made = run("report", tmp_path / "two", "--out", tmp_path / "r.html")
    assert (made.exit_code, "lacks what Longshore writes" in made.stderr) == (2, True)


@pytest.mark.parametrize(
    "wrong", [{"features": None}, {"end": "tomorrow"}, {"start": HOURS[1], "end": HOURS[1]}]
)
def test_a_record_with_something_else_in_it_is_refused(
    out: Path, tmp_path: Path, wrong: dict[str, object]
) -> None:
    """In a line, as one that lacks something."""
    shutil.copytree(out, tmp_path / "out")
    path = tmp_path / "out" / "judgements.ndjson"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes().splitlines()[0]) | wrong) + b"\n")
    made = run("report", tmp_path / "out", "--out", tmp_path / "r.html")
    assert (made.exit_code, "lacks what Longshore writes" in made.stderr) == (2, True)


def test_without_chromium_it_says_what_to_install(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read or written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    made = run("report", out, "--out", tmp_path / "r.html", "--pdf", tmp_path / "r.pdf")
    assert made.exit_code == 1
    assert "no Chromium is installed" in made.stderr
    assert "apt-get install chromium" in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_topics_give_the_report_of_the_files(
    files: ExampleFiles, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the output topics hold, other models' records and repeats among it, is rendered to the
    same bytes as the files; by a consumer of no group. A registered spec need not be given.  What
    is copied of all topics together is bounded."""
    from_files = tmp_path / "files.html"
    assert run("report", out, "--spec", files.spec, "--out", from_files).exit_code == 0
    with EmbeddedBroker() as broker:
        producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
        for role in OUTPUTS:
            for record in records(out / f"{role}.ndjson"):
                for key, model in ((b"loans", "loans"), (b"other", "other"), (b"loans", "loans")):
                    value = orjson.dumps(record | {"model": model})
                    producer.produce(f"drift.{role}", value, key)
        producer.produce("drift.models", b"none of ours", b"no key of ours")
        assert producer.flush(20) == 0
        settings = Settings(brokers=(broker.address,), embedded=True)
        register(settings, read_version(files.spec, files.profile), None)
        for name, more in (("given", ("--spec", files.spec)), ("registered", ("--model", "loans"))):
            page = tmp_path / f"{name}.html"
            made = run("report", "--broker", broker.address, "--out", page, *more)
            assert made.exit_code == 0, made.output
            assert page.read_bytes() == from_files.read_bytes()
        told = [len(line) + 1 for line in (out / "judgements.ndjson").read_bytes().splitlines()]
        monkeypatch.setattr("streams.topic_records.MAX_COPIED_BYTES", 2 * sum(told))
        more = ("--model", "loans", "--out", tmp_path / "bounded.html")
        made = run("report", "--broker", broker.address, *more)
        assert (made.exit_code, "output topics hold more than" in made.stderr) == (1, True)
        assert not (tmp_path / "bounded.html").exists()


def test_a_broker_that_is_away_exits_1(tmp_path: Path) -> None:
    """With its address, and nothing written."""
    made = run("report", "--broker", "127.0.0.1:1", "--model", "m", "--out", tmp_path / "r.html")
    assert made.exit_code == 1
    assert "127.0.0.1:1" in made.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("chromium_program")
def test_a_pdf_has_pages_with_the_text(files: ExampleFiles, out: Path, tmp_path: Path) -> None:
    """Printed by the Chromium that is there: A4, several pages, the report's words from first to
    last, the end of the period as its time; and the same bytes again."""
    page, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    made = run("report", out, "--spec", files.spec, "--out", page, "--pdf", pdf)
    assert made.exit_code == 0, made.output
    data = pdf.read_bytes()
    pages = pdf_pages(data)
    assert len(pages) > 1
    assert b"/MediaBox [0 0 594.95996 841.91998]" in data
    assert pages[0].startswith("Monitoring report: loans")
    assert "credit-risk" in pages[0]
    assert "Points are absolute." in pages[-1]
    text = "".join(pages)
    for words in ("Six dimensions", "accuracy", "amount", "False-alarm budget", "sha256:"):
        assert words in text
    assert b"/CreationDate (D:20260103050000+00'00')" in data
    assert pdf_of(page.read_bytes(), 1_767_416_400_000) == data
