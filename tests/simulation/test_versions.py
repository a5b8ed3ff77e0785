"""Versions that come and go in the made-up world meet what they must meet."""

from __future__ import annotations

from collections import Counter
from typing import Final

import orjson
import pytest

from tests.simulation.plan import WITH_STORIES, plan_of
from tests.simulation.scenarios import SCENARIOS, Scenario, has_labels, is_silent
from tests.simulation.seeds import tried
from tests.simulation.test_mutations import FIRST_SEED
from tests.simulation.test_simulation import ONCE_BROKEN
from tests.simulation.version_scenarios import version_scenario
from tests.simulation.versions import LABELLED, NAME, PLAIN

CASES: Final = [
    (number, name)
    for number in range(SCENARIOS)
    if not is_silent(number)
    for name in (LABELLED if has_labels(number) else PLAIN)
]
BEFORE_VERSIONS: Final = ONCE_BROKEN
BROKEN_BY_VERSIONS: Final = (7, 131, 150, 191, 425, 461, 631, 1159, 3436, 3535)
"""7 judged windows behind the end of a term, 131 and 425 revived a version that was let go under a
worker that had not heard why, 461 never ended one that was heard of too late, 631 judged one
from the middle on, 1159 told late counts of a time before there was anything to compare; in the
others the simulation was wrong."""


def case(number: int, name: str) -> Scenario:
    """A scenario with a story."""
    return version_scenario(number, name, labels=has_labels(number))


@pytest.mark.parametrize("seed", BROKEN_BY_VERSIONS)
def test_what_versions_broke_stays_mended(seed: int) -> None:
    """One seed each."""
    assert plan_of(seed).story
    assert tried(seed).broken is None


def test_every_story_is_told_by_some_seed() -> None:
    """Of a thousand seeds each story has more than a few, and a fifth have one."""
    met = Counter(plan_of(seed).story for seed in range(1_000))
    stories = {*PLAIN, *LABELLED}
    assert met.keys() == stories | {""}
    assert all(met[name] >= 15 for name in stories)
    assert sum(met[name] for name in stories) >= 180


def test_seeds_in_which_something_was_found_are_what_they_were() -> None:
    """None of those known before there were versions has a story."""
    assert not any(plan_of(seed).story for seed in BEFORE_VERSIONS)
    assert all(seed % 11 not in WITH_STORIES for seed in BEFORE_VERSIONS)


@pytest.mark.parametrize(("number", "name"), CASES)
def test_the_undisturbed_run_meets_what_the_story_is_about(number: int, name: str) -> None:
    """Both versions say something, who is gone is over, and a better challenger is promoted
    once."""
    found = case(number, name)
    story = found.story
    assert story is not None
    pipeline = found.pipeline
    trees = [orjson.loads(effect.value or b"") for effect in found.said["judgements"]]
    assert {t["version"] for t in trees if t["model"] == NAME} == {"v1", "v2"}
    for version in story.gone:
        assert pipeline.judges[f"{NAME}@{version}"].is_over
        assert all(f"{NAME}@{version}" not in t.watermarks_ms() for t in pipeline.tallies)
    told = [orjson.loads(e.value or b"") for e in found.said.get("promotions", [])]
    promoted = [t for t in told if t["decision"] == "PROMOTE"]
    assert len(promoted) == int(story.compares)


def test_terms_end_alerts_in_some_scenario_of_each_story() -> None:
    """Otherwise nothing of it would be tried."""
    for name in ("take_over", "back", "promoted"):
        reasons = [
            tree["evidence"]["observed"]["reason"]
            for number, other in CASES
            if other == name
            for effect in case(number, other).said["alerts"]
            if "reason" in (tree := orjson.loads(effect.value or b""))["evidence"]["observed"]
        ]
        assert any(reason.startswith("superseded by") for reason in reasons), name


def test_a_seed_with_a_story_is_one_run() -> None:
    """Twice the same."""
    seed = next(s for s in range(100, 1_000) if plan_of(s).story and len(plan_of(s).faults) > 2)
    assert tried(seed) == tried(seed)
    assert seed not in FIRST_SEED.values()
