"""A model takes only estimators that can watch its features, however its spec was made."""

from __future__ import annotations

import msgspec
import pytest

from engine.model import build_model
from engine.profile import ProfileError
from tests.engine.models import model_of


def test_an_estimator_of_losses_is_refused_for_features() -> None:
    """Also in a spec that was not read from a file; every fault is told."""
    model = model_of()
    spec = msgspec.structs.replace(model.spec, estimators={"adwin": {}, "ddm": {}, "nothing": {}})
    with pytest.raises(ProfileError) as raised:
        build_model(spec, model.profile)
    assert "estimators.ddm: watches losses, not features" in str(raised.value)
    assert "estimators.nothing: there is no such estimator" in str(raised.value)
    assert "adwin" not in str(raised.value)
