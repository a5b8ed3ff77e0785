"""A retraining job's side of the trigger topic: read triggers, drop repeats, say what it would do.

    python examples/retraining_consumer.py --brokers 127.0.0.1:9092 --seen seen-triggers.txt

Brokers, prefix, TLS and login are those of Longshore's settings (``--config`` and ``LONGSHORE_*``).

Rules.

* A trigger may be delivered more than once: after a crash, a rebalance or a replay.  Its
  ``trigger_id`` is the same each time, so an id that was handled is dropped.
* The ids are kept in order, at most MAX_SEEN of them, in memory and with ``--seen`` in a file too:
  one id a line, written before the offset is committed.  A crash in between repeats a record whose
  id is then known.
* A record that is no trigger is reported and passed over: it must not stop the ones behind it.
* SIGINT and SIGTERM end the loop between records; offsets of what was handled are committed.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Final

import click
import orjson

from streams.cli.inputs import settings_from
from streams.clients import kafka_python_options
from streams.topics import topic_name

MAX_SEEN: Final = 10_000
"""Trigger ids that are remembered; a cool-down of days makes this years."""
POLL_MS: Final = 500
"""How long a signal waits at most."""
TOPIC: Final = "retraining-triggers"


class SeenTriggers:
    """The last MAX_SEEN trigger ids, on disk too when there is a file."""

    def __init__(self, path: Path | None = None, limit: int = MAX_SEEN) -> None:
        """Read the ids of an earlier run; a last line without an end was never finished, and its
        trigger not handled."""
        self._path = path
        self._limit = limit
        self._ids: dict[str, None] = {}
        if path is not None and path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            self._ids = dict.fromkeys(line[:-1] for line in lines if line.endswith("\n"))
            self._trim()
            self._rewrite()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, trigger_id: str) -> bool:
        return trigger_id in self._ids

    def add(self, trigger_id: str) -> None:
        """Remember an id; the oldest is forgotten beyond the limit."""
        self._ids[trigger_id] = None
        if self._trim():
            self._rewrite()
        elif self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(trigger_id + "\n")

    def _trim(self) -> bool:
        """Forget a tenth at once, so that the file is rewritten rarely."""
        if len(self._ids) <= self._limit:
            return False
        kept = list(self._ids)[-(self._limit - self._limit // 10) :]
        self._ids = dict.fromkeys(kept)
        return True

    def _rewrite(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text("".join(f"{one}\n" for one in self._ids), encoding="utf-8")
        fresh.replace(self._path)


def read_trigger(value: bytes | None) -> dict[str, Any] | str:
    """The trigger in a record's value, or why it is none."""
    try:
        trigger = orjson.loads(value if value is not None else b"")
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    if not isinstance(trigger, dict):
        return "not an object"
    trigger_id = trigger.get("trigger_id")
    if not isinstance(trigger_id, str) or not trigger_id or not trigger_id.isprintable():
        return "no trigger_id"
    return trigger


def new_triggers(
    values: Iterable[bytes | None], seen: SeenTriggers
) -> Generator[dict[str, Any], None, None]:
    """Triggers that were not handled before.  Each is remembered when the next one is asked for,
    that is after the caller handled it."""
    for value in values:
        trigger = read_trigger(value)
        if isinstance(trigger, str):
            print(f"passed over a record: {trigger}", file=sys.stderr)
        elif trigger["trigger_id"] in seen:
            print(f"repeat of {trigger['trigger_id']}: dropped", file=sys.stderr)
        else:
            yield trigger
            seen.add(trigger["trigger_id"])


def describe(trigger: dict[str, Any]) -> str:
    """What a retraining job would do about a trigger, in a few lines."""
    window = trigger.get("window") or {}
    what = f"{trigger.get('recommended', 'retrain')} {trigger.get('model')}"
    lines = [
        f"would {what} {trigger.get('version')}: {trigger.get('cause')}, {trigger.get('rule')}",
        f"  window {window.get('start')} to {window.get('end')}, {window.get('events')} events",
        *(
            f"  {row.get('feature')}: PSI {row.get('psi')}"
            for row in trigger.get("evidence") or []
            if isinstance(row, dict)
        ),
        f"  trigger {trigger['trigger_id']}, next one not before {trigger.get('cooldown_until')}",
    ]
    return "\n".join(lines)


class Stop:
    """Whether a signal asked to end."""

    def __init__(self) -> None:
        self.asked = False
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def consume(consumer: Any, seen: SeenTriggers, stop: Stop, *, once: bool) -> int:  # noqa: ANN401
    """Handle triggers until asked to stop (or the first, with ``once``); give how many there were.

    ``consumer`` is a kafka-python KafkaConsumer that does not commit by itself.
    """
    handled = 0
    while not stop.asked:
        # One record at a time: what is committed is then exactly what was handled.
        batches = consumer.poll(timeout_ms=POLL_MS, max_records=1)
        values = (record.value for records in batches.values() for record in records)
        for trigger in new_triggers(values, seen):
            print(describe(trigger), flush=True)
            handled += 1
        if batches:
            consumer.commit()
        if once and handled:
            break
    return handled


def _properties(_context: object, _option: object, given: tuple[str, ...]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE")
        if "password" in name or "token" in name:
            raise click.BadParameter(
                f"{name}: every user of this machine reads a command line; see --config"
            )
        try:
            parsed = orjson.loads(value)
            # KafkaConsumer compares versions as tuples.
            read[name] = tuple(parsed) if isinstance(parsed, list) else parsed
        except orjson.JSONDecodeError:
            read[name] = value
    return read


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="LONGSHORE_CONFIG",
    help="Longshore's settings (YAML); LONGSHORE_* of the environment stand over them.",
)
@click.option("--brokers", help="HOST:PORT, several with commas; over the settings.")
@click.option("--prefix", help="Prefix of the topics; over the settings.")
@click.option("--group", default="retraining-example", show_default=True, help="Consumer group.")
@click.option(
    "--seen",
    "seen_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the ids handled, over restarts.",
)
@click.option("--once", is_flag=True, help="End after the first new trigger.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    callback=_properties,
    metavar="NAME=VALUE",
    help="Any setting of kafka-python's KafkaConsumer that is no secret, such as "
    "max_partition_fetch_bytes=100000; values are read as JSON where they are.",
)
def main(
    config: Path | None,
    brokers: str | None,
    prefix: str | None,
    group: str,
    seen_path: Path | None,
    once: bool,  # noqa: FBT001
    properties: dict[str, Any],
) -> None:
    """Read retraining triggers, drop repeats, print what would be done."""
    from kafka import KafkaConsumer  # noqa: PLC0415 - slow to import, `--help` need not wait

    settings = settings_from(config, brokers, prefix)
    seen, stop = SeenTriggers(seen_path), Stop()
    options = {
        **kafka_python_options(settings),
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
    consumer = KafkaConsumer(topic_name(settings, TOPIC), **(options | properties))
    try:
        consume(consumer, seen, stop, once=once)
    finally:
        consumer.close(autocommit=False)


if __name__ == "__main__":
    main()
