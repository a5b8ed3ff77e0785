"""Settings of a worker: one YAML file, with the environment over it.

Rule.  Every field has one place in the file (``http.port``) and one name in the environment
(``LONGSHORE_HTTP_PORT``); the environment wins.  Settings are complete once they exist: all faults
are found before any is reported, each with its place.  Secrets: :mod:`streams.security_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import msgspec
import yaml

from streams.bounded_file import read_bounded
from streams.dead_letter_limit import DEFAULT_PER_MINUTE, DEFAULT_RATIO_LIMIT
from streams.security_settings import HttpSettings, Secret, SecuritySettings, read_secrets
from streams.settings_faults import MAX_PORT, contradictions
from streams.snapshots import MAX_PART_BYTES

__all__ = [
    "MAX_PORT",
    "HttpSettings",
    "ModelFiles",
    "Secret",
    "SecuritySettings",
    "Settings",
    "SettingsError",
    "read_settings",
]

ENVIRONMENT_PREFIX: Final = "LONGSHORE_"
MAX_SETTINGS_BYTES: Final = 1_048_576
STATIC_SESSION_TIMEOUT_S: Final = 45.0
"""Default with ``group_instance_id``: a restart has to fit into it."""
NOT_SETTINGS: Final = frozenset({"CONFIG"})
"""Names under the prefix that are read by the command line itself."""

MISREAD: Final = (ValueError, LookupError, AttributeError, TypeError, OverflowError)
"""What PyYAML's constructors let through of a scalar that is not what its form or tag says, such as
``2001-99-99`` or ``!!int ""``."""
ELSEWHERE: Final = ""
"""Key of the origin of names that are no settings, among the origins of dotted names."""

RecoveryPolicy = Literal["refuse", "rebuild"]
PendingPlace = Literal["memory", "disk"]


class SettingsError(ValueError):
    """The settings cannot be used; ``faults`` has one line each, naming the place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the spec and the profile of one monitored model are."""

    spec: str
    profile: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker is told."""

    brokers: tuple[str, ...] = ("127.0.0.1:9092",)
    prefix: str = "drift."
    partitions: int = 4
    replication: int = 1
    group: str = "longshore"
    group_instance_id: str | None = None
    """Static membership: a restart within the session time-out is then not a rebalance.  An empty
    one, as a variable that is not set leaves it, is none."""
    http: HttpSettings = HttpSettings()
    pending: PendingPlace = "memory"
    """Where predictions wait for their labels: in memory and in the snapshot, or on a disk in
    ``data_dir`` with the topic ``pending`` behind it."""
    data_dir: str = ""
    """A directory of this worker's own; with ``pending: disk`` only."""
    flush_interval_s: float = 0.5
    snapshot_interval_s: float = 2.0
    snapshot_record_bytes: int = MAX_PART_BYTES
    """Largest record of a snapshot; what is larger is split."""
    recovery: RecoveryPolicy = "refuse"
    """What to do when state cannot be restored exactly: refuse to start, or rebuild it from the
    topics as far as they reach (:mod:`streams.recovery`)."""
    refusal_shown_s: float = 75.0
    """How long a worker that refused still answers HTTP before it ends: longer than the common
    scrape interval of a minute, or no alert would ever see why."""
    batch_size: int = 4_000
    max_record_bytes: int = 10_000_000
    session_timeout_s: float = 6.0
    heartbeat_interval_s: float = 1.0
    rebalance_timeout_s: float = 10.0
    stuck_after_s: float = 300.0
    """A worker that makes no progress for so long, though brokers answer, ends."""
    recovery_limit_s: float = 300.0
    """As above, while it restores its state."""
    panes_retention_h: float = 24.0
    dead_letters_per_minute: int = DEFAULT_PER_MINUTE
    """Dead letters carried per reason and minute by a worker; the others are counted only."""
    dead_letter_ratio_limit: float = DEFAULT_RATIO_LIMIT
    """Share of a topic's records that may be rejected before the alert RecordsRejected."""
    embedded: bool = False
    """The broker is librdkafka's in-process mock: no topic creation, old protocol versions."""
    security: SecuritySettings = SecuritySettings()
    models: tuple[ModelFiles, ...] = ()


def read_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings from ``path`` (YAML; None for none) with ``LONGSHORE_*`` of ``environment`` over it.

    Raises SettingsError with every fault of both at once.
    """
    faults: list[str] = []
    tree = {} if path is None else _read_file(path, faults)
    origin = "environment" if path is None else str(path)
    places = _overlay(tree, environment, origin, faults)
    fields = _section(Settings, tree, "", places, faults)
    for name in ("http", "security"):
        kind = HttpSettings if name == "http" else SecuritySettings
        section = tree.get(name, {})
        if not isinstance(section, dict):
            faults.append(f"{origin}: {name}: a mapping is needed")
            continue
        values = _section(kind, section, f"{name}.", places, faults)
        values.update(read_secrets(name, values, faults))
        fields[name] = kind(**values)
    if not fields.get("group_instance_id"):
        fields.pop("group_instance_id", None)
    else:
        fields.setdefault("session_timeout_s", STATIC_SESSION_TIMEOUT_S)
    settings = Settings(**fields)
    faults += contradictions(settings)
    if faults:
        raise SettingsError(faults)
    return settings


def _read_file(path: Path, faults: list[str]) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(read_bounded(path, MAX_SETTINGS_BYTES))
    except OSError as error:
        faults.append(f"{path}: cannot be read: {error.strerror}")
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" at line {mark.line + 1}"
        faults.append(f"{path}: not YAML{where}")
        return {}
    except (RecursionError, *MISREAD) as error:
        what = "a date, number or tag that YAML cannot read"
        nested = isinstance(error, RecursionError)
        faults.append(f"{path}: {'nested too deeply' if nested else f'holds {what}'}")
        return {}
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        faults.append(f"{path}: a mapping is needed at the top")
        return {}
    return tree


def _overlay(
    tree: dict[str, Any], environment: Mapping[str, str], origin: str, faults: list[str]
) -> dict[str, str]:
    """Lay the environment over ``tree``; give the origin of each dotted name for error lines."""
    names = {_variable(dotted): dotted for dotted in _dotted_names()}
    places = dict.fromkeys([*names.values(), ELSEWHERE], origin)
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        dotted = names.get(variable)
        if dotted is None:
            if variable.removeprefix(ENVIRONMENT_PREFIX) not in NOT_SETTINGS:
                faults.append(f"environment: {variable}: there is no such setting")
            continue
        section, _, name = dotted.rpartition(".")
        home = tree.setdefault(section, {}) if section else tree
        if isinstance(home, dict):
            home[name] = _from_text(dotted, text)
            places[dotted] = f"environment: {variable}"
    return places


def _dotted_names() -> list[str]:
    names = [field.name for field in msgspec.structs.fields(Settings)]
    names = [name for name in names if name not in ("http", "security")]
    for prefix, kind in (("http", HttpSettings), ("security", SecuritySettings)):
        names += [f"{prefix}.{field.name}" for field in msgspec.structs.fields(kind)]
    return names


def _variable(dotted: str) -> str:
    return ENVIRONMENT_PREFIX + dotted.replace(".", "_").upper()


def _from_text(dotted: str, text: str) -> Any:  # noqa: ANN401 - as loose as YAML itself
    """Lists are comma-separated; a model is ``SPEC:PROFILE``."""
    if dotted in ("brokers", "http.names"):
        return [part.strip() for part in text.split(",") if part.strip()]
    if dotted == "models":
        pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
        return [{"spec": spec, "profile": profile} for spec, _, profile in pairs]
    return text


def _section(
    kind: type[msgspec.Struct],
    tree: dict[str, Any],
    prefix: str,
    places: Mapping[str, str],
    faults: list[str],
) -> dict[str, Any]:
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for name, raw in tree.items():
        if not prefix and name in ("http", "security"):
            continue
        place = places.get(f"{prefix}{name}", places[ELSEWHERE])
        if name not in known:
            faults.append(f"{place}: {prefix}{name}: there is no such setting")
            continue
        if _is_secret(known[name].type):
            if isinstance(raw, str) and raw:
                values[name] = Secret(raw)
                if not _is_utf8(raw):
                    faults.append(f"{place}: {prefix}{name}: is not UTF-8")
            elif raw is not None:  # its text must not stand in the line
                faults.append(f"{place}: {prefix}{name}: text in quotes is needed, and not empty")
            continue
        lax = place.startswith("environment:")
        try:
            values[name] = msgspec.convert(raw, known[name].type, strict=not lax)
            if not _is_utf8(values[name]):
                faults.append(f"{place}: {prefix}{name}: is not UTF-8")
        except msgspec.ValidationError as error:
            faults.append(f"{place}: {prefix}{name}: {error}")
    return values


def _is_utf8(value: object) -> bool:
    """Whether every text in it can be sent: the environment may hold any bytes, and YAML's escapes
    may stand for half a character."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _is_secret(kind: Any) -> bool:  # noqa: ANN401 - a type expression
    return (
        kind is Secret
        or (get_origin(kind) is not None and Secret in get_args(kind))
        or (Secret in getattr(kind, "__args__", ()))
    )
