"""The blocks of commands in the documentation that no test runs, each with its reason.

Rule.  The list is the pages' own, in their order; a block that joins or leaves it is a change of
this file, so that somebody decides it.
"""

from __future__ import annotations

from typing import Final

NO_NEW_MODEL: Final = (
    "there is no new model here; docs/closing-the-loop.md has a job that makes one, and its test"
)
NO_AUTHORISER: Final = (
    "needs brokers with an authoriser; tests/kafka/test_secured_broker.py has them and proves the "
    "rights"
)
NO_TESTS_IN_TESTS: Final = (
    "the demo is tested by tests/streams/test_demo.py, and the tests do not run themselves"
)
THE_LOOP: Final = (
    "tests/kafka/test_retraining_loop.py and tests/streams/test_cli_versions.py run them"
)
NOT_RUN: Final = [
    ("README.md", NO_TESTS_IN_TESTS),
    ("docs/champion-challenger.md", "tests/kafka/test_champion.py runs such a worker"),
    ("docs/closing-the-loop.md", "tests/kafka/test_model_command.py runs them"),
    ("docs/closing-the-loop.md", THE_LOOP),
    ("docs/closing-the-loop.md", "tests/kafka/test_retraining_loop.py runs it"),
    ("docs/how-to/retraining-consumer.md", NO_NEW_MODEL),
    ("docs/how-to/scaling-out.md", "needs Docker"),
    ("docs/how-to/secured-brokers.md", NO_AUTHORISER),
    ("docs/how-to/upgrading.md", "there is no service manager here"),
    ("docs/live-page.md", "the worker stays; tests/web has a page with a token"),
    ("docs/live-page.md", "the worker stays; tests/web asks it"),
    ("docs/reports.md", "tests/streams/test_cli_report.py reads topics"),
    ("docs/retraining-results.md", "docs/how-to/retraining-consumer.md runs such an answer"),
    ("docs/retraining-results.md", "docs/how-to/producers.md runs Kafka's own tools"),
    ("docs/retraining-results.md", "tests/streams/test_cli_answer.py runs it"),
    ("docs/simulation.md", "tests/simulation runs seeds"),
    ("docs/stack.md", "needs Docker"),
    ("docs/stack.md", "starts everything and stays; tests/stack runs it"),
    ("docs/stack.md", "needs an account at PagerDuty and at Slack"),
    ("docs/tutorial.md", "installs packages; the tests run in an environment that has them"),
    ("examples/README.md", "the source of the flights is not in the repository"),
    (
        "examples/README.md",
        "it listens until it is told to end; docs/how-to/retraining-consumer.md runs it once",
    ),
    ("examples/README.md", "tests/kafka/test_retraining_loop.py runs it"),
]
"""(page, reason)."""
