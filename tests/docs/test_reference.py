"""The reference is what the code says, and has words for everything."""

from __future__ import annotations

import msgspec
import pytest

from engine.events import EVENT_TYPES
from streams.security_settings import HttpSettings, SecuritySettings
from streams.settings import Settings
from streams.topics import ROLES
from tests.docs.reference import DIRECTORY, PAGES
from tests.docs.reference_says import EVENTS_SAY, SETTINGS_SAY, TOPICS_SAY
from tests.docs.spec_fields_asked import fields_asked
from tests.docs.spec_says import SAYS
from tests.docs.whole_specs import WHOLE
from tests.engine.good_spec import LEAST


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    """`python -m tests.docs.reference` writes what stands there."""
    assert (DIRECTORY / name).read_text() == PAGES[name](), "run: python -m tests.docs.reference"


def test_every_field_of_a_spec_has_words() -> None:
    """And there are no words of a field that is gone."""
    assert set(fields_asked(WHOLE)) == set(SAYS)


def test_the_specs_have_every_section() -> None:
    """All fields of a read spec were asked for, so no section can be missing from the page."""
    sections = {path.replace("[]", ".").split(".")[0] for path in SAYS}
    assert sections >= {"model", "features", "comparison", "alerts", "concept", "columns"}
    asked = fields_asked([LEAST])
    assert asked["time.pane"].default == "10s"
    assert asked["time.pane"].bounds == "100ms to 1d"
    assert asked["model"].default == "required"


def test_settings_events_and_topics_have_words() -> None:
    """Names in the code and names with words are the same."""
    names = {field.name for field in msgspec.structs.fields(Settings)} - {"http", "security"}
    names |= {f"http.{field.name}" for field in msgspec.structs.fields(HttpSettings)}
    names |= {f"security.{field.name}" for field in msgspec.structs.fields(SecuritySettings)}
    assert names == set(SETTINGS_SAY)
    fields = {
        (kind, field.name)
        for kind, event in EVENT_TYPES.items()
        for field in msgspec.structs.fields(event)
    }
    assert {name for _, name in fields} == {name for name in EVENTS_SAY if "." not in name}
    assert {tuple(name.split(".")) for name in EVENTS_SAY if "." in name} <= fields
    assert set(TOPICS_SAY) == set(ROLES)
