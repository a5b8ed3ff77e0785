"""One monitored model: its spec, its reference profile, and the layout that the two give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from detectors.discovery import estimators
from engine.canonical import content_hash
from engine.label_windows import label_planes, label_windows
from engine.layout import Layout, build_layout
from engine.loss_alarms import AlarmCells, alarm_cells
from engine.performance_layout import PerformanceLayout, build_performance_layout
from engine.planes import DATA, Plane
from engine.profile import Profile, ProfileError
from engine.spec import Parameters, Spec, Topic
from engine.upstream import Ancestors, ancestors_of


@dataclass(frozen=True, slots=True)
class MonitoredModel:
    """What a tally counts by and a judge judges by."""

    spec: Spec
    profile: Profile
    layout: Layout
    performance: PerformanceLayout | None
    """None of a model without labels, or whose windows are all too short for them."""
    alarm_cells: AlarmCells | None
    """None where no estimator watches losses."""
    planes: tuple[Plane, ...]
    """The data plane first."""
    ancestors: Ancestors
    policy_hash: str
    """Names the whole spec; a changed policy keeps counts, a changed layout starts them afresh."""

    @property
    def key(self) -> str:
        """``model@version``."""
        return f"{self.spec.model}@{self.spec.version}"

    def duplicates_last(self, topic: Topic) -> int:
        """Among how many records of a topic a repeated event_id is a duplicate; 0 for none.  A
        further label of an event may correct the first, and the join knows the two apart."""
        joined = topic == "labels" and self.performance is not None
        return 0 if joined else self.spec.duplicates_last


def build_model(spec: Spec, profile: Profile) -> MonitoredModel:
    """Put a spec and its profile together; ProfileError lists every mismatch.

    Parameters of estimators are the estimator's own to judge, so they are tried here.
    """
    faults = _faults("estimators", spec.estimators, "features", "losses")
    if spec.concept is not None:
        faults += _faults("concept.estimators", spec.concept.estimators, "losses", "features")
    if faults:
        raise ProfileError("; ".join(faults))
    layout = build_layout(spec, profile)
    performance, alarms = None, None
    planes = [_data_plane(spec, layout)]
    if "labels" in spec.inputs and label_windows(spec):
        performance = build_performance_layout(spec, profile)
        _refuse_other_cells(profile, performance)
        alarms = alarm_cells(spec, performance.size)
        planes += label_planes(spec, performance, alarms)
    policy = content_hash(spec)
    above = ancestors_of(spec.features)
    return MonitoredModel(spec, profile, layout, performance, alarms, tuple(planes), above, policy)


def _faults(section: str, chosen: Mapping[str, Parameters], watch: str, other: str) -> list[str]:
    """What is wrong with the estimators of one section, which watch ``watch``."""
    faults = []
    for name, parameters in sorted(chosen.items()):
        module = estimators().get(name)
        if module is None:
            faults.append(f"{section}.{name}: there is no such estimator")
            continue
        if watch not in module.WATCHES:
            faults.append(f"{section}.{name}: watches {other}, not {watch}")
            continue
        try:
            module.Params(**parameters)
        except (TypeError, ValueError) as error:
            faults.append(f"{section}.{name}: {error}")
    return faults


def _refuse_other_cells(profile: Profile, performance: PerformanceLayout) -> None:
    """A baseline that cannot be read would be missing without a word."""
    reference = profile.performance
    if reference is not None and len(reference.cells) not in {0, performance.size}:
        raise ProfileError(
            f"profile of {profile.model}@{profile.version}: its labels were counted into other "
            "cells than this version's. Build it again with `longshore profile`."
        )


def _data_plane(spec: Spec, layout: Layout) -> Plane:
    time = spec.time
    return Plane(
        number=DATA,
        name="data",
        topics=tuple(topic for topic in spec.inputs if topic != "labels"),
        pane_ms=time.pane_ms,
        lateness_ms=time.lateness_ms,
        amend_ms=time.amend_ms,
        maturity_ms=None,
        size=layout.size,
        counted=layout.counted_cells(),
        nets=False,
        totals=layout.latency.end,
        windows=spec.windows,
        season=spec.season,
    )
