"""Reports of a period: one file that needs nothing else, from records of any kind."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from engine.review.index import index_of
from engine.review.review import Review, review_of
from engine.review.scope import Scope
from engine.spec import Spec
from engine.spec_reading import read_spec
from streams.period_records import topics_in
from streams.report.digest_page import digest_page
from streams.report.review_page import review_page
from tests.engine.review_records import (
    alerted,
    answered,
    asked,
    at,
    cohort,
    compared,
    judged,
    measured,
    promoted,
    reviewed,
    scope,
    term,
)
from tests.engine.test_review import SPEC
from tests.streams.test_policy_report import (
    HOSTILE,
    NAMES,
    QUOTED,
    REASON,
    SECRET,
    TAGS,
    hostile_model,
    hostile_records,
    parsed,
    said,
)

MORE_TAGS: Final = {
    *("header", "main", "nav", "section", "footer", "ul", "li", "a", "strong"),
    *("h4", "dl", "dt", "dd", "pre", "polygon"),
}
MORE_NAMES: Final = {"href", "aria-labelledby"}
PAGES: Final = (digest_page, review_page)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """Twenty minutes of a model whose names would be markup, with a sensitive feature."""
    topics = topics_in(hostile_records(tmp_path_factory.mktemp("hostile")))
    index = index_of(topics["judgements"]())
    span = index.span("m")
    assert span is not None
    return review_of(topics, index, Scope("m", ("v1",), *span), hostile_model().spec)


def made(review: Review) -> list[str]:
    """Both reports."""
    return [page(review) for page in PAGES]


def test_names_are_text_and_never_markup(hostile: Review) -> None:
    """Only the tags and attributes that the reports themselves write; and the names are read."""
    assert any(step.muted for e in hostile.told.episodes for step in e.steps)
    for text in made(hostile):
        root = parsed(text)
        assert {each.tag for each in root.iter()} <= TAGS | MORE_TAGS
        assert {name for each in root.iter() for name in each.attrib} <= NAMES | MORE_NAMES
        for name in (HOSTILE, QUOTED):
            assert name in said(root)
    assert REASON in said(parsed(review_page(hostile)))


def test_a_sensitive_features_categories_appear_nowhere(hostile: Review) -> None:
    """Its bins are numbers, as in the judgements; that it moved is told."""
    text = review_page(hostile)
    assert SECRET not in text
    assert SECRET not in digest_page(hostile)
    assert "category 0" in text
    assert "status" in text


def test_it_needs_nothing_but_itself(hostile: Review) -> None:
    """No script, no address, no picture, and a policy that forbids to fetch any."""
    for text in made(hostile):
        root = parsed(text)
        (policy,) = [m.get("content", "") for m in root.iter("meta") if m.get("http-equiv")]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"
        assert "://" not in text
        assert "@import" not in text
        assert "url(" not in text.replace("url(#hatch)", "")
        assert "<script" not in text
        assert not re.search(r"\son\w+=\"", text)


def test_it_can_be_read_without_seeing_it(hostile: Review) -> None:
    """Headings without a step left out, cells of heads with a scope, pictures with a title, links
    that lead somewhere, and places that are there once."""
    for text in made(hostile):
        root = parsed(text)
        depths = [int(e.tag[1]) for e in root.iter() if re.fullmatch(r"h[1-6]", e.tag)]
        assert depths[0] == 1
        assert depths.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(depths))
        assert all(cell.get("scope") in {"col", "row"} for cell in root.iter("th"))
        for picture in root.iter("svg"):
            hidden = picture.get("aria-hidden") == "true" or picture.get("class") == "defs"
            assert hidden or picture.get("role") is None or picture.findtext("title")
        ids = [e.get("id") for e in root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        assert {a.get("href") for a in root.iter("a")} <= {f"#{name}" for name in ids}
        assert {e.get("aria-labelledby") for e in root.iter()} - {None} <= set(ids)
        regions = [e for e in root.iter() if e.get("role") == "region"]
        assert all(e.get("aria-label") and e.get("tabindex") == "0" for e in regions)


def chapters(text: str) -> list[str]:
    """The headings of the chapters, in order."""
    return [heading.text or "" for heading in parsed(text).iter("h2")]


def story(spec: Spec | None = None, *versions: str) -> Review:
    """A day of one version or two, with an alert, two requests to retrain and an answer."""
    named = versions or ("v1",)
    judgements = [
        judged(hour, "DRIFT" if hour > 12 else "STABLE", 0.05 * hour, version=version)
        for version in named
        for hour in range(1, 25)
    ]
    return reviewed(
        scope(0, 24, named),
        judgements,
        spec,
        alerts=[alerted("e", 13), alerted("i", 14, severity="INFO"), alerted("i", 20, "resolved",
                "INFO")],
        retraining_triggers=[asked("sha256:first", 13), asked("sha256:second", 20)],
        audit=[answered("sha256:first", 15, "accepted", reason="on it")],
    )  # fmt: skip


def test_a_review_has_its_chapters() -> None:
    """Each of them, in the order in which a reviewer asks; of several versions each by itself."""
    text = review_page(story(read_spec(SPEC)))
    assert chapters(text) == [
        "Inventory",
        "Versions in service",
        "Six dimensions",
        "Performance",
        "Data drift",
        "Predictions, quality, operations, business",
        "Alerts",
        "Why retraining was asked for",
        "False-alarm budget",
        "Data gaps, rejected and late records",
        "What is due",
        "Configuration, and how to reproduce it",
    ]
    told = said(parsed(text))
    for words in ("owner", "risk", "2013-01-08", "sha256:first", "on it", "are the data sound?",
                  "no labels of this period", "sha256:p", "longshore replay", "2,700"):  # fmt: skip
        assert words in told
    assert "None of these windows was judged by the spec that was given" in told
    twice = chapters(review_page(story(None, "v1", "v2")))
    assert "Data drift: version v1" in twice
    assert "Data drift: version v2" in twice


def test_labels_comparisons_and_terms_have_their_chapters() -> None:
    """Measures with what they are compared with, the decision of a comparison, and until when the
    version served."""
    hours = range(1, 25)
    review = reviewed(
        scope(0, 24),
        [
            *(judged(hour) for hour in hours),
            *(measured(hour, 0.88, segments={"<b>": {"x": {"labelled": 9, "accuracy": 0.5}}})
              for hour in hours),
            *(cohort(hour, 0.86, "DRIFT") for hour in hours),
            *(compared(hour, 0.03) for hour in hours),
        ],
        promotions=[promoted(20, 0.03), promoted(30, 0.04)],
        audit=[term(22, "ends", until=at(22), reason="superseded by v2")],
    )  # fmt: skip
    text = review_page(review)
    told = said(parsed(text))
    assert "Champion and challenger" in chapters(text)
    assert "v1 against v0" in told
    assert told.count("PROMOTE, final") == 1
    assert "auc +0.0300 (+0.0200 to +0.0400)" in told
    assert "superseded by v2" in told
    assert "cohorts, 1d after the prediction, windows of 1h" in told
    assert "-5.0 to +1.0 points" in told
    assert "24 DRIFT" in told
    assert "<b>" in told
    assert "<b>" not in text
    assert 'class="expected"' in text


def test_a_digest_has_what_woke_nobody_and_what_ended() -> None:
    """INFO apart from what was told when it came; what ended; and what is due first."""
    text = digest_page(story(read_spec(SPEC)))
    assert chapters(text)[:4] == ["What is due", "Alerts", "Six dimensions", "Volumes"]
    told = said(parsed(text))
    order = ["worth reading (INFO)", "told when they came", "ended", "open since before"]
    places = [told.index(words) for words in order]
    assert places == sorted(places)
    assert told[places[0] : places[1]].count("INFO") == 2
    assert "WARNING" in told[places[1] : places[2]].partition("opened")[2]
    assert "2013-01-08 06:00" in told[places[2] : places[3]]


def rows_of(text: str) -> list[list[list[str]]]:
    """The tables, each as rows of cells."""
    return [
        [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
        for table in parsed(text).iter("table")
    ]


def test_a_digest_says_which_version_each_alert_is_of() -> None:
    """And each request, and what is due; with one version no word more."""
    versions = ("v1", "v2")
    day = range(1, 25)
    review = reviewed(
        scope(0, 24, versions),
        [judged(hour, "DRIFT", 0.5, version=version) for version in versions for hour in day],
        alerts=[alerted("e", 13), alerted("f", 14, version="v2")],
        retraining_triggers=[asked("sha256:first", 13, version="v2")],
    )
    tables = rows_of(digest_page(review))
    due = [row[-1] for row in tables[0][1:]]
    assert [text.split(",")[0] for text in due] == ["version v2", "version v1", "version v2"]
    heard, requests = tables[1:3]
    assert (heard[0][0], requests[0][0]) == ("version", "version")
    assert [row[:2] for row in heard[1:]] == [
        ["v1", at(13)[:16].replace("T", " ")],
        ["v2", at(14)[:16].replace("T", " ")],
    ]
    assert requests[1][0] == "v2"
    assert rows_of(digest_page(story()))[1][0][0] == "opened"


def test_a_period_without_anything_says_so() -> None:
    """Both reports, and no plot of nothing."""
    empty = reviewed(scope(40, 50, ()), [judged(hour) for hour in range(1, 9)])
    assert empty.is_empty
    for text in made(empty):
        assert "No window of this model was judged in the period" in said(parsed(text))
        assert "<svg role" not in text
        assert "every record that came is in a window" not in text


def test_the_same_records_give_the_same_bytes() -> None:
    """Made twice; a later record of another period changes nothing; another order of the topics'
    partitions neither."""
    review = story(read_spec(SPEC), "v1", "v2")
    again = story(read_spec(SPEC), "v1", "v2")
    assert made(review) == made(again)
    judgements = [judged(hour) for hour in range(1, 30)]
    plain = reviewed(scope(0, 24), judgements[:24])
    assert made(reviewed(scope(0, 24), judgements[::-1])) == made(plain)


def test_a_year_of_many_features_is_no_heavy_page() -> None:
    """A hundred features over 500 windows: bounded rows and columns, and what is left out is
    counted."""
    verdict = judged(1)["features"]["x"]
    features = {f"f{number:03}": verdict for number in range(100)}
    judgements = [judged(hour, features=features) for hour in range(1, 501)]
    text = review_page(reviewed(scope(0, 500), judgements))
    assert len(text) < 1_500_000
    assert "The 40 that went furthest of 100 features." in text
    assert "60 more features" in text


def test_directories_without_records_are_refused(tmp_path: Path) -> None:
    """With what writes them; a line that is none with its place."""
    with pytest.raises(ValueError, match=r"has no judgements\.ndjson"):
        topics_in(tmp_path)
    (tmp_path / "judgements.ndjson").write_text('{"model": "m"}\nnonsense\n')
    topics = topics_in(tmp_path)
    with pytest.raises(ValueError, match=r"judgements\.ndjson, line 2: is no JSON"):
        list(topics["judgements"]())
    assert list(topics["alerts"]()) == []
