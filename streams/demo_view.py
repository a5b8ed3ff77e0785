"""What the demo shows: a live table in a terminal, plain lines everywhere else.

Rule.  A view only reads the state; it is asked to look again and again and may be left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

from engine.timestamps import ms_to_rfc3339
from streams.demo_stream import DemoState, Trail

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

LEVEL_STYLES: Final = {
    "UNKNOWN": "dim",
    "STABLE": "green",
    "WATCH": "yellow",
    "DRIFT": "bold red",
}
BARS: Final = "▁▂▃▄▅▆▇█"
AT_THRESHOLD: Final = 4
"""The bar that stands for a PSI at its threshold."""
MAX_BARS: Final = 44
BESIDE_BARS: Final = 54
"""Columns of the terminal that the rest of a row takes."""
WIDE: Final = 96
REFRESH_PER_S: Final = 5
NAMED: Final = 4
"""Drifted features named in one plain line."""


class View(Protocol):
    """Shows a state."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def look(self) -> None:
        """Show what is new."""

    def say(self, text: str) -> None:
        """One line that stays."""


def view_for(console: Console, state: DemoState, title: str) -> View:
    """The live view on a terminal, plain lines elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console, state, title)
    return PlainView(console, state)


class PlainView:
    """A line per stage and per judged window."""

    def __init__(self, console: Console, state: DemoState) -> None:
        self._console = console
        self._state = state
        self._told = 0
        self._told_page = False
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.look()

    def look(self) -> None:
        """Tell a new stage and new windows."""
        if self._state.page and not self._told_page:
            self._told_page = True
            self.say(f"live page: {self._state.page}")
        if self._state.stage != self._stage:
            self._stage = self._state.stage
            self.say(f"{self._stage} ...")
        while self._told < len(self._state.judgements):
            judgement = self._state.judgements[self._told]
            self._told += 1
            over = [
                (verdict["psi_corrected"], name)
                for name, verdict in judgement["features"].items()
                if verdict["level"] == "DRIFT" and "psi_corrected" in verdict
            ]
            named = [f"{name} PSI {psi:.2f}" for psi, name in sorted(over, reverse=True)]
            more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
            self.say(
                f"{judgement['window']} to {judgement['end'][:10]}  {judgement['events']:>7,} "
                f"events  {judgement['level']:7}  {', '.join(named[:NAMED] + more)}".rstrip()
            )

    def say(self, text: str) -> None:
        """Print it as it is."""
        self._console.print(text, soft_wrap=True, markup=False)


class LiveView:
    """A table of features that is drawn anew while the stream runs."""

    def __init__(self, console: Console, state: DemoState, title: str) -> None:
        self._console = console
        self._state = state
        self._title = title
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live  # noqa: PLC0415 - slow to import

        self._live = Live(
            self.render(), console=self._console, refresh_per_second=REFRESH_PER_S, transient=False
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self.render())
            self._live.stop()
            self._live = None

    def look(self) -> None:
        """Draw anew."""
        if self._live is not None:
            self._live.update(self.render())

    def say(self, text: str) -> None:
        """Print above the table."""
        self._console.print(text, soft_wrap=True, markup=False)

    def render(self) -> RenderableType:
        """The whole view."""
        from rich.console import Group  # noqa: PLC0415
        from rich.panel import Panel  # noqa: PLC0415

        body = Group(self._numbers(), "", self._features(), "", self._foot())
        return Panel(body, title=f"[bold]{self._title}", border_style="cyan", expand=False)

    def _numbers(self) -> Text:
        from rich.text import Text  # noqa: PLC0415

        state = self._state
        day = ms_to_rfc3339(state.event_ms)[:10] if state.event_ms else "-"
        numbers = [
            ("events/s", f"{state.rate:>6,.0f}"),
            ("sent", f"{state.sent:>7,}"),
            ("taken in", f"{state.taken:>7,}"),
            ("windows", f"{len(state.judgements):>2}"),
        ]
        if self._console.width < WIDE:
            del numbers[1]
        text = Text()
        text.append("event time ", "dim")
        text.append(f"{day:10}", "bold cyan")
        for name, shown in numbers:
            text.append(f"   {name} ", "dim")
            text.append(shown, "bold")
        return text

    def _features(self) -> Table:
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("feature", min_width=11)
        table.add_column(f"PSI {self._state.window}", justify="right", min_width=7)
        table.add_column("drift over", justify="right", min_width=10)
        table.add_column("level", min_width=7)
        shown = max(1, min(MAX_BARS, self._console.width - BESIDE_BARS))
        table.add_column("window by window", min_width=shown, no_wrap=True)
        for name, trail in list(self._state.trails.items()):
            level = trail.levels[-1]
            style = LEVEL_STYLES.get(level, "")
            table.add_row(
                name,
                Text(_number(trail.psi[-1]), style),
                Text(_number(trail.threshold), "dim"),
                Text(level, style),
                bars(trail, shown),
            )
        if not self._state.trails:
            table.add_row(Text("no window is judged yet", "dim"))
        return table

    def _foot(self) -> Text:
        from rich.text import Text  # noqa: PLC0415

        state = self._state
        text = Text()
        if state.page:
            text.append("live page ", "dim")
            text.append(state.page, "underline")
            text.append("\n")
        if state.url:
            text.append("metrics ", "dim")
            text.append(state.url, "underline")
            text.append("   ")
        text.append(state.stage, "bold green" if state.trigger else "yellow")
        return text


def bars(trail: Trail, newest: int = MAX_BARS) -> Text:
    """A bar for each of the ``newest`` windows: its height is PSI against the threshold, its colour
    the level."""
    from rich.text import Text  # noqa: PLC0415

    text = Text()
    pairs = list(zip(trail.psi, trail.levels, strict=False))[-newest:]
    for psi, level in pairs:
        text.append(bar(psi, trail.threshold), LEVEL_STYLES.get(level, ""))
    return text


def bar(psi: float | None, threshold: float | None) -> str:
    """One bar; a dot where there is no number."""
    if psi is None or not threshold:
        return "·"
    height = int(max(0.0, psi) / threshold * AT_THRESHOLD)
    return BARS[min(height, len(BARS) - 1)]


def _number(value: float | None) -> str:
    """Two decimals; a corrected PSI below nothing is nothing."""
    return "-" if value is None else f"{max(0.0, value):.2f}"
