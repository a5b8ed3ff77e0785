"""``longshore topics``: the topics on a broker."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.faults import Failed
from streams.cli.inputs import settings_from, settings_options


@click.group()
def topics() -> None:
    """Create the topics on a broker."""


@topics.command()
@settings_options
@click.option("--partitions", type=click.IntRange(1), help="Partitions of each topic (default 4).")
@click.option("--replication", type=click.IntRange(1), help="Copies of each topic (default 1).")
def create(
    config: Path | None,
    broker: str | None,
    prefix: str | None,
    partitions: int | None,
    replication: int | None,
) -> None:
    """Create the topics that are missing; leave those that are there as they are.

    Needs the right to create topics, which the worker does not.

    \b
    Example:
      longshore topics create --broker kafka:9092 --partitions 8 --replication 3
    """
    from kafka.errors import KafkaError

    from streams.broker_answers import BrokersError
    from streams.reach import knock
    from streams.topics import ROLES, TopicsError, check_topics, create_topics

    settings = settings_from(config, broker, prefix, partitions=partitions, replication=replication)
    where = ",".join(settings.brokers)
    try:
        knock(settings.brokers)
        created = create_topics(settings)
    except (BrokersError, TopicsError) as error:
        raise Failed(str(error)) from error
    except (KafkaError, OSError) as error:
        words = " ".join(str(error).split())
        raise Failed(
            f"{where}: the topics could not be created: {type(error).__name__}: {words}",
            hint="is the broker there, and may this user create topics (longshore acls)?",
        ) from error
    for name in created:
        click.echo(name)
    try:
        count = check_topics(settings)
    except TopicsError as error:
        raise Failed(
            f"{where}: the topics cannot be used", error.faults, "give them equal partition counts"
        ) from error
    click.echo(
        f"{len(created)} created, {len(ROLES) - len(created)} were there; {count} partitions each",
        err=True,
    )
