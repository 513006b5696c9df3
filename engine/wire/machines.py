"""Whether a visit by a link is a person's, as far as a request tells. Whoever records what people opened asks here first.

What is known of it: RFC 9110 lets a program ask by HEAD without wanting the page. Browsers that load a page before anybody wants to see it say so:
`Sec-Purpose: prefetch` (Fetch standard), and before it was settled `Purpose`, `X-Purpose` and `X-Moz`. Search engines, previews of chat programs and
the scanners of some mail gateways name themselves in User-Agent. What cannot be known: gateways that look at links in the very moment a mail comes in
often call themselves an ordinary browser. So a visit counts for no more than what it is, interest, and nothing is refused or confirmed by it.
"""

import re
from collections.abc import Mapping
from typing import Literal

Machine = Literal["head", "prefetch", "agent"]

AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
AGENTS = re.compile(
    r"(?<!cu)bot\b|bot/|crawl|spider|slurp|preview|scan|prefetch|monitor|facebookexternalhit|whatsapp|googleimageproxy|yahoomailproxy|barracuda|mimecast"
    r"|proofpoint|safelinks|trend ?micro|symantec|forcepoint|cloudmark|urldefense|bitdefender|curl/|wget/|python-|go-http-client|java/|okhttp"
    r"|libwww|headlesschrome|phantomjs",
    re.IGNORECASE,
)


def machine_in(method: str, headers: Mapping[str, str]) -> Machine | None:
    """What tells that no person looks; `headers` by their names in small letters. None where nothing does."""
    if method == "HEAD":
        return "head"
    if any(word in headers.get(name, "").lower() for name in AHEAD for word in ("prefetch", "prerender", "preview")):
        return "prefetch"
    agent = headers.get("user-agent", "").strip()
    return "agent" if not agent or AGENTS.search(agent) else None
