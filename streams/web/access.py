"""Who may read the live page's data: a token once, then a cookie that only the browser knows.

Rule.  Pure.  The token comes in a header or in the body of one POST, never in an address, so it is
in no log and no history.  The cookie is an end of time and its HMAC under the token: every worker
with the same token takes it, a restart does not end it, and a new token ends all.  It is HttpOnly
and SameSite=Strict.  Whoever asks must have come by a name that is this machine's: an IP address,
``localhost`` or one that the settings list, so that no foreign page can have its own name resolved
to this address and then read the answers; and a request that changes something must come from this
very origin.  All comparisons of secrets take the same time whatever differs.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from hashlib import sha256
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

COOKIE: Final = "longshore_session"
BEARER: Final = "Bearer "
SESSION_S: Final = 12 * 3_600
PURPOSE: Final = b"longshore page session until "
MAX_TOKEN_BYTES: Final = 4_096
"""Of what is posted as a token."""


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


def _seal(token: str, until_s: int) -> str:
    return hmac.new(token.encode(), PURPOSE + str(until_s).encode(), sha256).hexdigest()


def session(token: str, now_s: float) -> str:
    """The cookie of somebody who showed the token."""
    until_s = int(now_s) + SESSION_S
    return f"{until_s}.{_seal(token, until_s)}"


def session_holds(token: str, cookie: str, now_s: float) -> bool:
    """Whether a cookie was made with this token and is not over."""
    until, _, seal = cookie.partition(".")
    if not (until.isascii() and until.isdecimal() and len(until) <= 12):  # noqa: PLR2004 - a year's digits
        return False
    genuine = same(seal, _seal(token, int(until)))
    return genuine and now_s < int(until)


def may_read(token: str, authorization: str, cookie: str, now_s: float) -> bool:
    """Whether a request with these headers may see data."""
    if authorization.startswith(BEARER):  # another scheme is a proxy's before this page
        return same(authorization, BEARER + token)
    return bool(cookie) and session_holds(token, cookie, now_s)


def host_is_ours(host: str, names: Collection[str]) -> bool:
    """Whether the ``Host`` that was asked for can only mean this machine, or is listed."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name in {one.lower() for one in names}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def origin_is_ours(origin: str, host: str, fetch_site: str) -> bool:
    """Whether a request that changes something comes from a page of this origin."""
    if fetch_site not in ("", "same-origin", "none"):
        return False
    if not origin:
        return True  # no browser: those send one with every POST
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host


def came_by_tls(origin: str) -> bool:
    """Whether the page was asked for by TLS, as a proxy before it may end: its cookie is to go no
    other way then."""
    return origin.startswith("https://")
