"""The report: one file that needs nothing else, in which no name of a user's is ever markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import MonitoredModel
from engine.policy.comparison import compare
from engine.policy.history import PolicyHistory
from engine.reference_table import ReferenceTable
from streams.policy_files import read_history
from streams.replay import Source, replay
from streams.report.markup import Markup, tag
from streams.report.page import page
from streams.report.policy_sheets import Prices, headline, sheets_of
from streams.report.sheets import Sheet, text_lines
from streams.report.side_by_side import compared_sheets
from streams.report.wording import moment, spell
from tests.engine.models import HOUR, START, event, model_of, spec_text
from tests.engine.policy_histories import of_each_severity

HOSTILE: Final = "<script>alert(1)</script>"
QUOTED: Final = "a' onload='x' [bold]&amp;"
SECRET: Final = "hiv-positive"
REASON: Final = "<img src=x onerror=alert(2)>"
SPEC: Final = f"""
  "{HOSTILE}": {{type: numeric}}
  "{QUOTED}": {{type: numeric}}
  status: {{type: categorical, categories: 3, sensitive: true}}"""
TAGS: Final = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "div", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "g", "defs", "pattern", "rect", "line", "path", "polyline", "circle", "text"),
}
NAMES: Final = {
    *("charset", "http-equiv", "content", "name", "lang", "class", "scope", "role", "id"),
    *("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "points", "width", "height"),
    *("viewBox", "transform", "patternUnits", "patternTransform", "aria-hidden"),
    *("tabindex", "aria-label"),
}


@cache
def hostile_model() -> MonitoredModel:
    """A model whose names would be markup, with a sensitive feature; half an hour is muted."""
    mute = f"[{{from: 2013-01-01T00:00:00Z, until: 2013-01-07T10:08:00Z, reason: '{REASON}'}}]"
    rule = "{above: 0.2, features: 1, window: 1m, at_least: 1, of_last: 1}"
    random = np.random.default_rng(5)
    rows = 2_000
    table = ReferenceTable(
        rows=rows,
        numeric={HOSTILE: random.normal(size=rows), QUOTED: random.normal(size=rows)},
        categorical={"status": random.choice([SECRET, "b"], rows, p=[0.3, 0.7]).tolist()},
        score=random.random(rows),
        ts_ms=None,
    )
    text = spec_text(
        features=SPEC,
        alerts=f"{{mutes: {mute}}}",
        retraining=f"{{cooldown: 3m, rules: {{psi_features: {rule}}}}}",
    )
    return model_of(text, table)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> PolicyHistory:
    """What the hostile model said."""
    out = hostile_records(tmp_path_factory.mktemp("hostile"))
    return read_history("A", hostile_model(), out)


def hostile_records(directory: Path) -> Path:
    """The records of twenty minutes in which all features drift from the fifth on."""
    random = np.random.default_rng(6)
    lines = []
    for number in range(3_000):
        shift = 3.0 if number > 700 else 0.0
        features = {
            HOSTILE: random.normal() + shift,
            QUOTED: random.normal() + shift,
            "status": str(random.choice([SECRET, "b"], p=[0.9, 0.1])),
        }
        one = event(number, START + number * 400, features=features, score=random.random())
        lines.append(orjson.dumps(one) + b"\n")
    path = directory / "events.ndjson"
    path.write_bytes(b"".join(lines))
    model = hostile_model()
    replay([model], [Source("predictions", path, model.spec)], 2, directory / "out")
    return directory / "out"


def parsed(text: str) -> ET.Element:
    """The page as a tree; what is not well-formed fails."""
    assert text.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(text.partition("\n")[2])  # noqa: S314 - our own page


def said(root: ET.Element) -> str:
    """All its text."""
    return "".join(root.itertext())


def test_names_are_text_and_never_markup(hostile: PolicyHistory) -> None:
    """Only the tags and attributes that the report itself writes, whatever names hold; and the
    names stand there to be read."""
    assert hostile.alerted_features == [HOSTILE, QUOTED, "status"]
    assert any(step.muted for e in hostile.episodes for step in e.steps)
    root = parsed(page(hostile, hostile, Prices()))
    assert {each.tag for each in root.iter()} <= TAGS
    assert {name for each in root.iter() for name in each.attrib} <= NAMES
    for text in (HOSTILE, QUOTED, REASON):
        assert text in said(root)


def test_a_sensitive_features_categories_appear_nowhere(hostile: PolicyHistory) -> None:
    """Neither in the report nor in the tables; that the feature moved is told."""
    root = page(hostile, hostile, Prices())
    sheets = [
        *sheets_of(hostile, Prices()),
        *compared_sheets(hostile, hostile, compare(hostile, hostile)),
    ]
    printed = "\n".join(line for sheet in sheets for line in text_lines(sheet))
    for shown in (root, printed):
        assert SECRET not in shown
        assert "status PSI" in shown


def test_it_needs_nothing_but_itself(hostile: PolicyHistory) -> None:
    """No script, no address, and a policy that forbids to fetch any."""
    text = page(hostile, None, Prices())
    root = parsed(text)
    (policy,) = [m.get("content", "") for m in root.iter("meta") if m.get("http-equiv")]
    assert policy.startswith("default-src 'none'")
    assert "://" not in text
    assert "@import" not in text
    assert "url(" not in text.replace("url(#hatch)", "")
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert ids == ["hatch"]


def test_a_terminal_is_sent_nothing_that_it_would_obey() -> None:
    """Escape sequences and line breaks in a reason are written out."""
    sheet = Sheet("t\x1b[2J", ("a", "b"), (("x\x1b[31m", "y\nz"),), notes=("n\r",))
    lines = list(text_lines(sheet))
    assert lines == ["t\\x1b[2J", "  a          b", "  x\\x1b[31m  y\\nz", "  n\\r"]
    assert all(line.isprintable() for line in lines)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_well_formed(content: str, attribute: str) -> None:
    """In content and in attributes, characters included that no document may hold."""
    element = ET.fromstring(tag("p", content, class_=attribute))  # noqa: S314
    if content.isprintable():
        assert (element.text or "") == content
    if attribute.isprintable():
        assert element.get("class") == attribute


def test_markup_is_not_escaped_twice() -> None:
    """And text is once."""
    assert tag("p", tag("b", "<"), Markup("<i/>"), ">") == "<p><b>&lt;</b><i/>&gt;</p>"


def test_tables_hold_what_is_printed() -> None:
    """Every cell of every table."""
    one = of_each_severity()
    root = parsed(page(one, None, Prices(10.0, 5.0)))
    cells = [cell.text or "" for cell in root.iter("td")]
    assert cells == [
        cell for sheet in sheets_of(one, Prices(10.0, 5.0)) for row in sheet.rows for cell in row
    ]
    assert headline(one) in said(root)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (90_000, "1m 30s"), (36 * HOUR, "1d 12h"), (HOUR, "1h"), (25 * HOUR + 1, "1d 1h")],
)
def test_durations(ms: int, text: str) -> None:
    """In the two largest units that they have."""
    assert spell(ms) == text


def test_moments() -> None:
    """To the minute, and further where the minute does not say all."""
    assert moment(START) == "2013-01-07 10:00"
    assert moment(START + 1_500) == "2013-01-07 10:00:01.500"


def test_the_files_of_a_replay_must_be_there(tmp_path: Path) -> None:
    """A history of nothing is not made up."""
    with pytest.raises(OSError, match="alerts"):
        read_history("A", hostile_model(), tmp_path)
