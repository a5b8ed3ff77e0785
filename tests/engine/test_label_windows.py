"""Panes and windows of performance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.label_windows import label_pane_ms, label_windows, open_ms
from engine.spec import Spec
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from engine.spec_sections import MAX_OPEN_PANES
from tests.engine.good_spec import LEAST, faults_of
from tests.engine.models import HOUR, MINUTE, SECOND, model_of, spec_text
from tests.thoroughness import examples

BOTH = "[predictions, labels]"


def spec_of(windows: str, label: str) -> Spec:
    """A spec with labels."""
    return read_spec(spec_text(inputs=BOTH, windows=windows, label=label, retraining="{}"))


def test_the_default_pane_leaves_few_enough_open() -> None:
    """Weeks of lateness take a longer pane, and the shortest window then has no performance."""
    short = spec_of("[5m, 1h, 7d]", "{lateness: 1h, amend: 6h}")
    assert label_pane_ms(short) == 12 * SECOND
    assert [w.name for w in label_windows(short)] == ["5m", "1h", "7d"]
    long = spec_of("[5m, 1h, 7d]", "{lateness: 1d, amend: 7d, maturities: [1h, 1d, 30d]}")
    assert label_pane_ms(long) == HOUR // 2
    assert [w.name for w in label_windows(long)] == ["1h", "7d"]


@settings(max_examples=examples(200), deadline=None, database=None)
@given(
    windows=st.lists(
        st.sampled_from(["5m", "1h", "6h", "1d", "7d", "30d"]), min_size=1, unique=True
    ),
    lateness=st.sampled_from(["0s", "1h", "1d", "30d"]),
    amend=st.sampled_from(["0s", "1h", "7d"]),
    maturity=st.sampled_from(["1h", "1d", "30d", "90d"]),
)
def test_what_a_spec_may_say_gives_sound_windows(
    windows: list[str], lateness: str, amend: str, maturity: str
) -> None:
    """Whatever the clocks: few panes open, rings of whole panes, ends that are ends of the data's
    windows."""
    label = f"{{lateness: {lateness}, amend: {amend}, maturities: [{maturity}]}}"
    spec = spec_of(f"[{', '.join(windows)}]", label)
    pane_ms = label_pane_ms(spec)
    assert open_ms(spec.time, spec.label) // pane_ms <= MAX_OPEN_PANES
    for window in label_windows(spec):
        assert window.pane_ms % pane_ms == 0
        assert window.length_ms % window.pane_ms == 0
        assert window.length_ms // window.pane_ms <= 60
        assert window.judge_every_ms % window.pane_ms == 0
        assert window.length_ms % window.judge_every_ms == 0
        data = spec.window(window.name)
        assert window.judge_every_ms % data.judge_every_ms == 0


def test_a_pane_that_leaves_too_many_open_is_a_fault() -> None:
    """With its place and what would do."""
    with pytest.raises(SpecError) as caught:
        spec_of("[1h]", "{lateness: 1d, amend: 30d, pane: 1m}")
    (fault,) = caught.value.faults
    assert fault.place == "label"
    assert "44640 panes open" in fault.message
    assert "use a longer pane" in fault.message


def test_a_model_whose_windows_are_all_too_short_has_no_performance() -> None:
    """Its labels are read and counted, and nothing waits for them."""
    model = model_of(spec_text(inputs=BOTH, windows="[1m]", label="{pane: 1h}", retraining="{}"))
    assert model.performance is None
    assert [plane.name for plane in model.planes] == ["data"]


def test_each_maturity_is_a_plane() -> None:
    """By number and name, and of the same cells but for the alarms of the first."""
    label = "{lateness: 1m, amend: 5m, maturities: [2m, 1h], pane: 1m}"
    model = model_of(spec_text(inputs=BOTH, label=label))
    assert [(p.number, p.name, p.maturity_ms) for p in model.planes] == [
        (0, "data", None),
        (1, "performance", None),
        (2, "2m", 2 * MINUTE),
        (3, "1h", HOUR),
    ]
    assert len({plane.size for plane in model.planes[2:]}) == 1
    assert model.alarm_cells is not None
    assert model.planes[1].size == model.planes[2].size + model.alarm_cells.size


def test_the_layout_knows_the_labels_rules() -> None:
    """Another ttl makes other matches: counts start afresh.  Without labels it is of no matter."""

    def layout(inputs: str, label: str) -> str:
        return model_of(spec_text(inputs=inputs, label=label)).layout.hash

    assert layout(BOTH, "{ttl: 1d}") != layout(BOTH, "{ttl: 2d}")
    assert layout("[predictions]", "{ttl: 1d}") == layout("[predictions]", "{ttl: 2d}")


@pytest.mark.parametrize("pane", ["0s", "11s? [", "soon"])
def test_a_pane_that_is_none_is_a_fault_and_no_more(pane: str) -> None:
    """Nothing is reckoned with it."""
    for text in (f"label: {{pane: '{pane}'}}", f"label: {{pane: '{pane}'}}\ninputs: {BOTH}"):
        (fault,) = faults_of(f"{LEAST}{text}\n")
        assert fault.place == "label.pane"
