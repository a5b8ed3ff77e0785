"""A real browser for tests: Debian's Chromium, spoken to by its own protocol over one socket.

Rule.  What the page does is noted from its first moment on: every request, every line of the
console, every exception, every breach of the content security policy.  Nothing is waited for longer
than WAIT_S.  The browser resolves no name and keeps nothing: its profile is a directory of the
test's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess
import threading
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import orjson

from tests.left_out import missing

WAIT_S: Final = 20.0
LOOK_S: Final = 0.02
START_S: Final = 30.0
STOP_S: Final = 5.0
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
OPTIONS: Final = (
    *("--headless=new", "--remote-debugging-port=0", "--no-first-run", "--no-sandbox"),
    *("--disable-gpu", "--disable-sync", "--disable-background-networking", "--disable-extensions"),
    *("--disable-component-update", "--disable-default-apps", "--disable-dev-shm-usage"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--font-render-hinting=none"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
KEYS: Final = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
    "Home": (36, ""),
    "End": (35, ""),
}

_Result = TypeVar("_Result")


class LoopThread:
    """An event loop in a thread of its own, for a server and the socket to the browser."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_S)
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, _Result], limit_s: float = WAIT_S) -> _Result:
        """What a coroutine gives, run in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(limit_s)


class Browser:
    """One Chromium; :meth:`tab` opens a page in a profile of its own."""

    def __init__(self, thread: LoopThread, directory: Path) -> None:
        self.thread = thread
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._client: aiohttp.ClientSession | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    def __enter__(self) -> Self:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            missing("chromium", "apt-get install chromium")
        self._process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={self._directory}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told, limit = self._directory / "DevToolsActivePort", monotonic() + START_S
        while not told.is_file() or len(told.read_text().splitlines()) < 2:
            if monotonic() > limit or self._process.poll() is not None:
                raise RuntimeError("Chromium did not start")
            threading.Event().wait(LOOK_S)
        port, path = told.read_text().splitlines()[:2]
        self.thread.run(self._connect(f"ws://127.0.0.1:{port}{path}"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception):
            self.thread.run(self._leave(), STOP_S)
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    async def _connect(self, url: str) -> None:
        self._client = aiohttp.ClientSession()
        self._socket = await self._client.ws_connect(url, max_msg_size=0)
        self._reading = asyncio.create_task(self._read())

    async def _leave(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._client is not None:
            await self._client.close()

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            told = orjson.loads(message.data)
            if "id" in told:
                waiting = self._answers.pop(told["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
            elif told.get("sessionId") in self._tabs:
                self._tabs[told["sessionId"]].note(told["method"], told["params"])

    async def _ask(self, method: str, session: str | None, params: dict[str, Any]) -> Any:  # noqa: ANN401 - the protocol's
        assert self._socket is not None
        number = next(self._numbers)
        waiting: asyncio.Future[dict[str, Any]] = self.thread.loop.create_future()
        self._answers[number] = waiting
        command: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        await self._socket.send_str(orjson.dumps(command).decode())
        told = await asyncio.wait_for(waiting, WAIT_S)
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        return told["result"]

    def ask(self, method: str, session: str | None = None, /, **params: Any) -> Any:  # noqa: ANN401 - the protocol's
        """A command of the protocol."""
        return self.thread.run(self._ask(method, session, params), WAIT_S + 5)

    def tab(self, width: int = 1280, height: int = 900) -> Tab:
        """A new page that knows nothing of the others: no cookie, no storage."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, attached["sessionId"], context)
        self._tabs[attached["sessionId"]] = tab
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            tab.ask(f"{domain}.enable")
        tab.resize(width, height)
        return tab


class Tab:
    """One page, and all that it did."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.requests: list[str] = []
        self.complaints: list[str] = []
        """Errors and warnings of the console, exceptions, breaches of the policy."""

    def ask(self, method: str, /, **params: Any) -> Any:  # noqa: ANN401 - the protocol's
        """A command of the protocol, for this page."""
        return self._browser.ask(method, self._session, **params)

    def close(self) -> None:
        """Let it go with its cookies."""
        self._browser.ask("Target.disposeBrowserContext", browserContextId=self._context)

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Something happened."""
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str([one.get("value") for one in params["args"]]))

    def resize(self, width: int, height: int = 900) -> None:
        """The size of the window."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def dark(self, *, on: bool) -> None:
        """What the system prefers."""
        value = "dark" if on else "light"
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": value}],
        )

    def go(self, url: str) -> None:
        """Another address; does not wait."""
        self.ask("Page.navigate", url=url)

    def js(self, expression: str) -> Any:  # noqa: ANN401 - whatever it gives
        """What an expression gives in the page."""
        told = self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"]["exception"].get("description"))
        return told["result"].get("value")

    def until(self, expression: str, limit_s: float = WAIT_S) -> float:
        """Wait until it is true; the seconds that it took."""
        began = monotonic()
        tried = f"(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()"
        while not self.js(tried):
            if monotonic() - began > limit_s:
                body = self.js("document.body.innerText")[:800]
                raise AssertionError(f"not true: {expression}; {self.complaints}; shown: {body}")
            threading.Event().wait(LOOK_S)
        return monotonic() - began

    def text(self, selector: str = "body") -> str:
        """What is shown of an element."""
        return str(self.js(f"document.querySelector({orjson.dumps(selector).decode()}).innerText"))

    def click(self, selector: str) -> None:
        """A click of the mouse on an element, at its beginning: a long one may be cut off."""
        quoted = orjson.dumps(selector).decode()
        self.until(f"document.querySelector({quoted}) !== null")
        self.js(f"document.querySelector({quoted}).scrollIntoView({{block: 'center'}})")
        x, y = self.js(
            f"(() => {{ const b = document.querySelector({quoted}).getClientRects()[0]; "
            "return [b.x + Math.min(b.width / 2, 12), b.y + b.height / 2]; })()"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)

    def key(self, name: str) -> None:
        """One key, down and up."""
        code, text = KEYS[name]
        common = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of what is shown, or of the whole page."""
        told = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def heap_bytes(self) -> float:
        """What the page's scripts hold, after a collection."""
        self.ask("HeapProfiler.collectGarbage")
        metrics = self.ask("Performance.getMetrics")["metrics"]
        return float({one["name"]: one["value"] for one in metrics}["JSHeapUsedSize"])
