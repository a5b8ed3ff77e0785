"""Writes every page to ``grafana/dashboards``; a test compares what is committed.

python -m grafana.build
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import feature, model, monitor, overview, retraining
from grafana.frame import framed
from grafana.panels import Page

DASHBOARDS: Final = Path(__file__).parent / "dashboards"
PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    model.PAGE,
    feature.PAGE,
    retraining.PAGE,
    monitor.PAGE,
)


def texts() -> dict[str, str]:
    """File name -> its text, of every page."""
    return {
        f"{page.uid.removeprefix('longshore-')}.json": json.dumps(
            framed(page), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False
        )
        + "\n"
        for page in PAGES
    }


if __name__ == "__main__":
    for name, text in texts().items():
        (DASHBOARDS / name).write_text(text)
