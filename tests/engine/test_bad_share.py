"""How many of the predictions of a window of performance were made on bad data, against a look at
every one of them, and how much of a fall those can explain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from detectors.intervals import Estimate
from engine.bad_labels import _labelled, _share, bad_of
from engine.bad_share import explained_at_most, fell_on_sound_data
from engine.bad_spells import Spell
from engine.performance_layout import ASSUMED, DELAY_CELLS, DELAY_EDGES_MS, DELAYS

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
END: Final = 400 * DAY
Times = list[tuple[int, int]]


def window(  # as much of a window as is read
    delays_ms: Any,  # noqa: ANN401 - a list or an array
    length_ms: int = 7 * DAY,
    *,
    maturity_ms: int | None = None,
    assumed: int = 0,
) -> Any:  # noqa: ANN401 - a stand-in
    """A window of performance whose labels took so long."""
    cells = np.bincount(
        np.searchsorted(DELAY_EDGES_MS, delays_ms, side="right"), minlength=DELAY_CELLS
    )
    counts = np.zeros(DELAYS + DELAY_CELLS, dtype=np.int64)
    counts[DELAYS:], counts[ASSUMED] = cells, assumed
    label = SimpleNamespace(ttl_ms=90 * DAY, negative_after_ms=60 * DAY if assumed else None)
    return SimpleNamespace(
        counts=counts,
        start_ms=END - length_ms,
        end_ms=END,
        window=SimpleNamespace(length_ms=length_ms),
        plane=SimpleNamespace(maturity_ms=maturity_ms),
        model=SimpleNamespace(spec=SimpleNamespace(label=label)),
    )


def truly(delays_ms: Any, times: Times, length_ms: int = 7 * DAY) -> float:  # noqa: ANN401
    """The share of labels that come evenly over the window of predictions in these times."""
    arrived = END - length_ms + (np.arange(len(delays_ms)) + 0.5) * length_ms / len(delays_ms)
    made = np.random.default_rng(1).permutation(arrived) - delays_ms
    return float(sum(((made >= start) & (made < end)).mean() for start, end in times))


def chargebacks() -> Any:  # noqa: ANN401
    """Delays as those of examples/fraud: nine days in the middle, some a month."""
    random = np.random.default_rng(3)
    return np.minimum(np.exp(0.8 * random.standard_normal(20_000)) * 9, 90.0) * DAY


@pytest.mark.parametrize("ago", [2, 8, 12, 20, 40])
def test_one_bad_day_weighs_what_it_is(ago: int) -> None:
    """Of labels that take days or weeks, one bad day is some hundredths in each week in which they
    come, and not the whole of every one."""
    day = [(END - ago * DAY, END - (ago - 1) * DAY)]
    share, truth = _share(window(chargebacks()), day), truly(chargebacks(), day)
    assert share == pytest.approx(truth, rel=0.35, abs=0.004)
    assert share < 0.08


def test_labels_that_all_take_as_long_are_taken_at_the_worst() -> None:
    """A histogram does not tell which week of the last they are about, so it may be the bad one."""
    delays = np.full(2_000, 10 * DAY)
    for ago in (8, 12, 20):
        bad = [(END - ago * DAY, END - (ago - 2) * DAY)]
        assert _share(window(delays), bad) >= truly(delays, bad) - 0.01
    assert _share(window(delays), [(END - 15 * DAY, END - 13 * DAY)]) == pytest.approx(2 / 7)
    assert _share(window(delays), [(END - 40 * DAY, END - 30 * DAY)]) == 0.0


def test_shares_of_cohorts_and_of_assumed_negatives_are_exact() -> None:
    """A cohort is of its own time; a negative that is assumed was predicted so long before."""
    bad = [(END - 7 * DAY, END - 6 * DAY), (END - 2 * DAY, END - DAY)]
    assert _share(window(chargebacks(), maturity_ms=DAY), bad) == pytest.approx(2 / 7)
    none = np.zeros(0)
    then = [(END - 64 * DAY, END - 62 * DAY)]
    assert _share(window(none, assumed=100), then) == pytest.approx(2 / 7)
    assert _share(window(none, assumed=100), bad) == 0.0
    assert _share(window(none), bad) == 0.0


def measure(name: str, value: float, worse: float) -> Any:  # noqa: ANN401
    """A verdict on a measure that fell by so much, known to half a point."""
    return SimpleNamespace(
        name=name,
        fell=worse > 0.03,
        value=Estimate(value, value - 0.005, value + 0.005),
        worse=Estimate(worse, worse - 0.005, worse + 0.005),
        worse_by=0.03,
    )


def judged(share: float, cells: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Any:  # noqa: ANN401
    """A window with such a share of bad predictions and tn, fp, fn, tp."""
    return SimpleNamespace(
        bad_share=share,
        bad_labelled=share,
        counts=np.array(cells),
        model=SimpleNamespace(
            spec=SimpleNamespace(prediction=SimpleNamespace(type="binary")),
            performance=SimpleNamespace(confusion=0),
        ),
    )


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "specificity", "brier"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_no_bad_predictions_can_explain_more(name: str, share: float) -> None:
    """Whatever a share of the positives and of the negatives was decided, right or wrong, the
    others have not done better than is taken for possible; and that is reached."""
    random, reached = np.random.default_rng(7), 0.0
    size, positives = 10_000, 2_000
    for kind in range(4):
        truth = np.arange(size) < positives
        decided = np.where(random.random(size) < 0.15, ~truth, truth)
        bad = np.zeros(size, dtype=bool)
        bad[: round(share * positives)] = bad[
            positives : positives + round(share * (size - positives))
        ] = True
        decided = np.where(bad, [~truth, truth, truth | True, truth & False][kind], decided)

        def of(chosen: Any, decided: Any = decided, truth: Any = truth) -> tuple[float, Any]:  # noqa: ANN401
            d, t = decided[chosen], truth[chosen]
            tn, fp, fn, tp = (
                int(((d == a) & (t == b)).sum()) for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))
            )
            found = {
                "accuracy": (tp + tn) / len(d),
                "precision": tp / (tp + fp),
                "recall": tp / (tp + fn),
                "f1": 2 * tp / (2 * tp + fp + fn),
                "specificity": tn / (tn + fp),
                "brier": (fp + fn) / len(d),
            }
            return found[name], (tn, fp, fn, tp)

        if name in {"recall", "precision", "f1"} and not decided[truth].any():
            continue
        whole, cells = of(np.ones(size, dtype=bool))
        others, _ = of(~bad)
        better = whole - others if name == "brier" else others - whole
        explained = explained_at_most(judged(share, cells), measure(name, whole, 0.1))
        assert better <= explained + 1e-9
        reached = max(reached, better / explained)
    assert reached > 0.85


def test_pairs_with_a_bad_one_may_all_be_in_the_wrong_order() -> None:
    """AUC of 0.9 with a tenth of either side ranked the wrong way round."""
    share, good = 0.1, 0.9
    whole = good * (1 - share) ** 2
    assert explained_at_most(judged(share), measure("auc", whole, 0.1)) == pytest.approx(
        good - whole
    )


def test_a_fall_counts_where_bad_predictions_do_not_explain_it() -> None:
    """Of ten points two in a hundred explain two, a third everything; of a measure that has no
    bounds nothing is known from a fiftieth on."""
    fallen = measure("accuracy", 0.8, 0.1)
    assert fell_on_sound_data(judged(0.0), fallen)
    assert fell_on_sound_data(judged(0.03), fallen)
    assert not fell_on_sound_data(judged(0.09), fallen)
    assert not fell_on_sound_data(judged(1.0), fallen)
    assert not fell_on_sound_data(judged(0.0), measure("accuracy", 0.89, 0.01))
    assert fell_on_sound_data(judged(0.01), measure("log_loss", 0.5, 0.1))
    assert not fell_on_sound_data(judged(0.03), measure("log_loss", 0.5, 0.1))


def test_a_model_of_separate_features_is_told_nothing() -> None:
    """When their windows are judged is no function of the logs of labels."""
    one = window(chargebacks())
    one.model.spec.inputs = ("features", "predictions", "labels")
    assert bad_of(one, {"x": {"1d": []}}) == ((), 0.0, 0.0)


def with_assumed(
    positives: int, known_negatives: int, assumed: int, shares: tuple[float, float]
) -> tuple[Any, Any, Any]:
    """A window of labels that came and of assumed negatives, of which these shares are bad; without
    its decisions: with truths and bad ones, shape (events,) each."""
    truth = np.arange(positives + known_negatives + assumed) < positives
    bad = np.zeros(len(truth), dtype=bool)
    starts = (0, positives, positives + known_negatives)
    for start, count, share in zip(
        starts, (positives, known_negatives, assumed), (shares[0], *shares), strict=True
    ):
        bad[start : start + round(share * count)] = True
    counts = np.zeros(DELAYS + DELAY_CELLS + 4, dtype=np.int64)
    counts[ASSUMED], counts[DELAYS] = assumed, positives + known_negatives
    layout = SimpleNamespace(
        confusion=DELAYS + DELAY_CELLS, histogram=DELAYS + DELAY_CELLS, score_cells=0
    )
    spec = SimpleNamespace(prediction=SimpleNamespace(type="binary"))
    one = SimpleNamespace(
        bad_share=float(bad.mean()),
        bad_labelled=shares[0],
        counts=counts,
        model=SimpleNamespace(spec=spec, performance=layout),
    )
    return one, truth, bad


def measured(name: str, decided: Any, truth: Any) -> float:  # noqa: ANN401
    """As everybody has it."""
    tn, fp, fn, tp = (
        int(((decided == a) & (truth == b)).sum()) for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))
    )
    return {
        "accuracy": (tp + tn) / len(truth),
        "precision": tp / max(1, tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "specificity": tn / (tn + fp),
        "auc": (tp / (tp + fn) + tn / (tn + fp)) / 2,
    }[name]


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "specificity", "auc"])
@pytest.mark.parametrize("shares", [(0.2, 0.0), (0.0, 0.2), (0.3, 0.1)])
def test_assumed_negatives_are_of_another_time(name: str, shares: tuple[float, float]) -> None:
    """Of a hundred thousand payments the frauds are known in a week and the others are assumed in
    months: a bad day of the week is little of all and a large part of the frauds.  However bad
    decisions are wrong, the good ones were not better than is taken for possible; and at the worst
    they were as good."""
    one, truth, bad = with_assumed(500, 100, 20_000, shares)
    gaps = []
    for seed, wrong in enumerate((0.0, 0.1, 0.3)):
        for kind in range(4):
            random = np.random.default_rng(seed)
            decided = np.where(random.random(len(truth)) < wrong, ~truth, truth)
            decided[bad] = [~truth, truth, truth | True, truth & False][kind][bad]
            cells = [int(((decided == d) & (truth == t)).sum()) for t in (0, 1) for d in (0, 1)]
            one.counts[-4:] = cells
            whole = measured(name, decided, truth)
            better = measured(name, decided[~bad], truth[~bad]) - whole
            explained = explained_at_most(one, measure(name, whole, 0.1))
            assert better <= explained + 1e-9, (wrong, kind)
            gaps.append(explained - better)
    # Of AUC each pair with a bad one may be wrong, and of decisions alone half of them are ties.
    assert min(gaps) < (0.2 if name == "auc" else 1e-3)


def test_a_bad_day_of_those_whose_label_came_is_bad_however_few_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The frauds of a bad day come within the week and are a seventh of its frauds, though a
    thousandth of a thousandth of its labels."""
    monkeypatch.setattr("engine.bad_labels.checked", lambda spells, _: spells)
    one = window(np.full(200, 0.5 * DAY), assumed=900_000)
    spec = one.model.spec
    spec.inputs, spec.windows = ("predictions", "labels"), [SimpleNamespace(name="1d")]
    spec.windows[0].length_ms = DAY
    day = [Spell(END - 3 * DAY, END - 2 * DAY, ["missing"])]
    found = bad_of(one, {"x": {"1d": day}})
    assert found.features == ("x",)
    assert found.labelled == pytest.approx(1 / 7)
    assert found.share == pytest.approx(200 / 7 / 900_200)
    assert _labelled(one, [(day[0].from_ms, day[0].until_ms)]) == found.labelled
    then = [Spell(END - 62 * DAY, END - 61 * DAY, ["missing"])]
    assert bad_of(one, {"x": {"1d": then}}).labelled == 0.0
