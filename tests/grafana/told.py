"""Workers in which everything happened, as they would be scraped, before and after it did.

Rule.  The text is what the real collector makes of pipelines that ran; only the clock stands still
between two looks.  Before a stream was read its counters are 0, so what grew is seen to have grown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from streams.delays import Delays
from tests.streams.metrics_page import pipelines
from tests.streams.test_metrics import exposed, live_of, model, pipeline_of


def told() -> list[tuple[str, str]]:
    """Before and after, of each worker: those of docs/metrics.md, and one that asks for
    retraining."""
    found = [*pipelines(), pipeline_of(model())]
    return [(_unread(each), exposed(live_of(each))) for each in found]


def _unread(pipeline: Pipeline) -> str:
    """What a worker with the same models shows that has read nothing."""
    models: Sequence[MonitoredModel] = [judge.model for judge in pipeline.judges.values()]
    live = live_of(Pipeline(models, len(pipeline.tallies)))
    live.delays = Delays()
    return exposed(live)


class Worker(ThreadingHTTPServer):
    """Answers every scrape with ``text``."""

    text = ""
    scrapes = 0
    """Since anybody set it to 0."""
    daemon_threads = True


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Prometheus' text format."""
        assert isinstance(self.server, Worker)
        body = self.server.text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.scrapes += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
        """Say nothing."""


@contextmanager
def serving(texts: Sequence[str]) -> Iterator[list[Worker]]:
    """A server for each text, as long as the block runs."""
    with ExitStack() as stack:
        workers = []
        for text in texts:
            worker = Worker(("127.0.0.1", 0), _Answer)
            worker.text = text
            stack.callback(worker.server_close)
            thread = threading.Thread(target=worker.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            stack.callback(thread.join)
            stack.callback(worker.shutdown)
            workers.append(worker)
        yield workers


def address(worker: Worker) -> str:
    """``host:port``."""
    host, port = worker.server_address[:2]
    return f"{host!s}:{port}"
