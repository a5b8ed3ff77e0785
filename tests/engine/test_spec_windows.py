"""The windows of a spec: rings of panes, times of judging, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.spec_reading import read_spec
from tests.engine.good_spec import DOCUMENTED, LEAST, one_fault


def test_windows_have_rings_of_at_most_sixty_panes() -> None:
    """The ring's pane is the smallest multiple of the base pane that makes so few."""
    spec = read_spec(DOCUMENTED)
    rings = [(w.name, w.pane_ms, w.judge_every_ms) for w in spec.windows]
    assert rings == [
        ("5m", 10_000, 30_000),
        ("1h", 60_000, 300_000),
        ("7d", 10_080_000, 50_400_000),
    ]


@given(st.integers(1, 40_000), st.sampled_from([1_000, 10_000, 60_000]))
def test_ring_and_judging_follow_their_rule(panes: int, base_ms: int) -> None:
    """For every length: refused, or the least ring and the least judging step that divide it."""
    length_ms = panes * base_ms
    text = (
        LEAST.replace("[5m, 1h, 7d]", f"[{length_ms}ms]")
        + f"time: {{pane: {base_ms}ms, \
amend: 1m}}\n"
    )
    step = next(k for k in range(1, panes + 1) if panes <= 60 * k)
    if panes % step:
        fault = one_fault(text)
        assert fault.place == "windows[0]"
        assert "does not fit a ring" in fault.message
        return
    (window,) = read_spec(text).windows
    ring = panes // step
    every = next(k for k in range(1, ring + 1) if 12 * k >= ring and ring % k == 0)
    assert window.pane_ms == step * base_ms
    assert window.judge_every_ms == every * step * base_ms


@pytest.mark.parametrize(
    ("windows", "place", "said"),
    [
        ("[15s]", "windows[0]", "not a whole number of base panes"),
        ("[670s]", "windows[0]", "11m or 680s would fit"),
        ("[1h, 60m]", "windows[1]", "1h stands here twice"),
        ("[]", "windows", "at least one window"),
        ("1h", "windows", "must be a list"),
        ("[hour]", "windows[0]", "not a duration"),
        ("[[1h]]", "windows[0]", "not a list"),
        ("[{judge_every: 5m}]", "windows[0].length", "is required"),
        ("[{length: 1h, judge_every: 90s}]", "windows[0].judge_every", "panes of 1m"),
        ("[{length: 1h, judge_every: 7m}]", "windows[0].judge_every", "must divide"),
        ("[{length: 1h, judgeevery: 5m}]", "windows[0].judgeevery", "mean 'judge_every'"),
        ("[1m, 2m, 3m, 4m, 5m, 6m, 7m, 8m, 9m, 10m, 12m]", "windows", "at most 10"),
    ],
)
def test_a_window_that_cannot_be_counted_is_refused(windows: str, place: str, said: str) -> None:
    """Each fault of a window names it and says what would do; rules add no fault of their own."""
    text = LEAST.replace("[5m, 1h, 7d]", windows) + "retraining: {rules: {volume: {window: 1h}}}\n"
    fault = one_fault(text)
    assert fault.place == place
    assert said in fault.message


def test_a_window_fits_when_it_is_offered() -> None:
    """The lengths that a refusal offers are themselves accepted."""
    message = one_fault(LEAST.replace("[5m, 1h, 7d]", "[67m]")).message
    offers = message.rsplit("; ", 1)[1].removesuffix(" would fit").split(" or ")
    assert offers
    for offer in offers:
        assert read_spec(LEAST.replace("[5m, 1h, 7d]", f"[{offer}]")).windows


@pytest.mark.parametrize(
    ("windows", "chosen"),
    [("[5m, 1h, 7d]", "1h"), ("[1m, 5m]", "5m"), ("[7d, 1d]", "1d"), ("[30m, 2h]", "2h")],
)
def test_a_rule_without_a_window_takes_the_shortest_of_an_hour(windows: str, chosen: str) -> None:
    """The shortest window of at least an hour, or else the longest."""
    rule = read_spec(LEAST.replace("[5m, 1h, 7d]", windows)).retraining.psi_features
    assert rule is not None
    assert rule.window == chosen
