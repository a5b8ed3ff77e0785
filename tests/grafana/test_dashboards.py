"""The committed dashboards: made by the generator, kept by Grafana's types, found by Grafana."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.build import texts
from tests.grafana.committed import DASHBOARDS, ROOT, dashboards, panels, variables

UIDS: Final = {
    "feature": "longshore-feature",
    "model": "longshore-model",
    "monitor": "longshore-monitor",
    "overview": "longshore-overview",
    "retraining": "longshore-retraining",
}
"""What people's bookmarks and pages' links hold on to."""
PROVIDER: Final[dict[str, Any]] = yaml.safe_load(
    (ROOT / "grafana/provisioning/dashboards/longshore.yml").read_text()
)["providers"][0]
SOURCE: Final[dict[str, Any]] = yaml.safe_load(
    (ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text()
)["datasources"][0]
GRAFANA: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]["grafana"]


def test_what_is_committed_is_what_is_generated() -> None:
    """To the last byte, and there is no other file: `python -m grafana.build` writes them."""
    found = {path.name: path.read_text() for path in DASHBOARDS.iterdir()}
    assert found == texts(), "run python -m grafana.build"


@pytest.mark.parametrize("name", UIDS)
def test_grafanas_own_types_lose_nothing(name: str) -> None:
    """Read through the types of Grafana's SDK and written again it is the same."""
    register_default_plugins()
    board = dashboards()[name]
    read = Dashboard.from_json(board)
    assert read.panels
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == board


def test_grafanas_own_types_notice_what_they_do_not_know() -> None:
    """The round trip can fail: a field that no panel has is lost on it."""
    register_default_plugins()
    board = dashboards()["overview"]
    panels(board)[0]["options"]["colour"] = "none"
    assert json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)) != board


def test_identities_are_stable() -> None:
    """The uids are those that links lead to, and titles tell the pages apart."""
    found = dashboards()
    assert {name: board["uid"] for name, board in found.items()} == UIDS
    assert len({board["title"] for board in found.values()}) == len(UIDS)


@pytest.mark.parametrize("name", UIDS)
def test_pages_lead_to_each_other_with_choices_and_time(name: str) -> None:
    """The list of pages keeps both; a link from a cell leads to a page that there is, names only
    variables of either side, and keeps data source, job and time."""
    board = dashboards()[name]
    listed = [link for link in board["links"] if link["type"] == "dashboards"]
    assert [(link["includeVars"], link["keepTime"], link["tags"]) for link in listed] == [
        (True, True, board["tags"])
    ]
    for url in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(board)):
        target = re.match(r"/d/([\w-]+)\?", url)
        assert target
        there = {b["uid"]: variables(b) for b in dashboards().values()}[target[1]]
        kept = set(re.findall(r"\$\{(\w+):queryparam\}", url))
        assert {"datasource", "job"} <= kept <= set(variables(board)) & set(there)
        assert set(re.findall(r"var-(\w+)=", url)) <= set(there)
        assert "${__url_time_range}" in url


@pytest.mark.parametrize("name", UIDS)
def test_a_single_choice_is_matched_as_it_is(name: str) -> None:
    """Grafana escapes what may have several values for a regular expression, and nothing else: of
    one value a point would be any character, and a plus sign would find nothing."""
    board = dashboards()[name]
    said = json.dumps(board)
    found = {each: v for each, v in variables(board).items() if v["type"] == "query"}
    for each, variable in found.items():
        assert (f'=~\\"${each}\\"' in said) is variable["multi"], each
        assert not re.search(rf'[^=]=\\"\${each}\\"', said) or not variable["multi"], each
    assert found["model"]["multi"] is (name not in {"model", "feature"})


@pytest.mark.parametrize("name", ["overview", "model", "feature"])
def test_names_in_links_are_encoded(name: str) -> None:
    """In full: Grafana's own encoding of a link keeps plus signs, slashes and question marks."""
    links = re.findall(r'"url": "([^"]+)"', json.dumps(dashboards()[name]))
    inner = [found for url in links for found in re.findall(r"\$\{([^}]+)\}", url)]
    plain = {each for each in inner if not each.endswith((":percentencode", ":queryparam"))}
    assert plain <= {"__url_time_range", "live_page"}
    assert any(each.startswith("__data.fields.") for each in inner)


def test_some_cells_are_links() -> None:
    """From the models to one, and from a model's features to one of them."""
    found = {
        name: set(re.findall(r'"url": "/d/([\w-]+)', json.dumps(board)))
        for name, board in dashboards().items()
    }
    assert found["overview"] == {"longshore-model"}
    assert found["model"] == {"longshore-feature"}


@pytest.mark.parametrize("name", ["overview", "model", "feature", "retraining"])
def test_triggers_and_promotions_are_marked(name: str) -> None:
    """In every graph of the pages about models."""
    marks = {mark["name"]: mark["expr"] for mark in dashboards()[name]["annotations"]["list"]}
    assert set(marks) == {"Retraining triggers", "Promotions"}
    assert "increase(drift_retraining_triggers_total" in marks["Retraining triggers"]
    assert "increase(comparison_promotions_total" in marks["Promotions"]


def test_psi_is_shown_in_its_bands() -> None:
    """0.10 and 0.20, wherever the value of a panel is a PSI."""
    shown = 0
    for board in dashboards().values():
        for panel in panels(board):
            if "PSI" in panel["title"] and panel["type"] in {"timeseries", "status-history"}:
                steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
                assert [step.get("value") for step in steps] == [None, 0.10, 0.20]
                shown += 1
    assert shown == 3


def test_grafana_finds_them() -> None:
    """The provider reads the directory that compose mounts, and nobody changes them by hand; the
    variable's first choice is the data source that is provisioned."""
    mounts = dict(volume.split(":")[:2] for volume in GRAFANA["volumes"])
    assert mounts["./grafana/dashboards"] == PROVIDER["options"]["path"]
    assert PROVIDER["allowUiUpdates"] is False
    assert PROVIDER["updateIntervalSeconds"] > 0
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{PROVIDER['options']['path']}/overview.json"
    for board in dashboards().values():
        chosen = variables(board)["datasource"]["current"]
        assert (chosen["value"], chosen["text"]) == (SOURCE["uid"], SOURCE["name"])


def test_pages_know_nothing_of_the_engine() -> None:
    """What they know is what a worker exposes."""
    imports = [
        line
        for path in (ROOT / "grafana").glob("*.py")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(from|import) (detectors|engine|streams|tests)\b", line)
    ]
    assert imports == []
