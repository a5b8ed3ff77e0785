"""What ``longshore replay`` does of a comparison: the champion beside the challenger, and what was
decided.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.cli.faults import Refused, counted
from streams.cli.inputs import model_from
from streams.cli.terminal import err

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from streams.cli.policy import PolicyOptions


class ChampionOptions(NamedTuple):
    """As given."""

    spec: Path | None
    profile: Path | None
    predictions: Path | None


def champion_options_in(given: dict[str, Any]) -> ChampionOptions:
    """Take them out of the arguments of a command."""
    names = ("champion", "champion_profile", "champion_predictions")
    return ChampionOptions(*(given.pop(name) for name in names))


def champion_of(
    model: MonitoredModel,
    given: ChampionOptions,
    policy: PolicyOptions,
    *,
    others: bool = False,
) -> MonitoredModel | None:
    """The champion that the options name; None without one, or where it may be among ``others``.
    Refused where they do not fit."""
    if given.spec is None or given.profile is None:
        if any(given):
            raise Refused("--champion and --champion-profile go together")
        if model.spec.comparison is not None and not others:
            err().print(
                "[yellow]nothing is compared: --champion and --champion-profile name the files of "
                f"{model.spec.model}@{model.spec.comparison.champion}[/]"
            )
        return None
    if policy.policy:
        raise Refused("--champion is for a replay without --policy")
    found = model_from(given.spec, given.profile)
    rules = model.spec.comparison
    if rules is None:
        raise Refused(f"the spec of {model.key} has no section comparison")
    wanted = f"{model.spec.model}@{rules.champion}"
    if found.key != wanted:
        raise Refused(f"{given.spec} is of {found.key}, and the comparison is with {wanted}")
    return found


def tell_promotions(path: Path) -> None:
    """What was decided, a line each."""
    import orjson
    from rich.text import Text

    told = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    console = err()
    console.print(f"[bold]{counted(len(told), 'decision')} of the comparison[/]")
    for tree in told:
        numbers = _of_stage(tree) if tree["kind"] == "stage" else _measured(tree)
        why = f" ({', '.join(tree['reasons'])})" if tree["reasons"] else ""
        line = f"  {tree['until'][:16]}  {tree['kind']}  {tree['decision']}{why}  {numbers}"
        console.print(Text(line), soft_wrap=True)


def _measured(tree: dict[str, Any]) -> str:
    measure, sequential = tree["measure"], tree["sequential"]
    numbers = "nothing measured yet"
    if measure["difference"] is not None:
        numbers = f"{measure['name']} {measure['difference']:+.4f}"
    if sequential["p_value"] is not None:
        numbers += f", p {sequential['p_value']:.2g}"
    return numbers


def _of_stage(tree: dict[str, Any]) -> str:
    users = tree["users"]
    told = f"{users['champion']} and {users['challenger']} users, share {tree['share']:g}"
    return told if "next" not in tree else f"{told}, then {tree['next']['share']:g}"
