"""The popup's script for the pages of products: served as it stands in web/popup/, and the tag by which a page loads exactly that and nothing else."""

import base64
import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, sha384
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request, Response

from web.requests import Refusal

FOLDER = Path(__file__).parent / "popup"
NAME = "banso.js"  # what is handed out today; beside it stand those of earlier releases, for tags that still name them
TOKEN_URL = "/banso-token"  # noqa: S105 - an address that the product's developers put in its place
SHORT, FOR_EVER = "public, max-age=300", "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Script:
    """A script by its content."""

    text: bytes

    @cached_property
    def digest(self) -> str:
        """Tells it from every other, in addresses and to caches."""
        return sha256(self.text).hexdigest()[:20]

    @cached_property
    def integrity(self) -> str:
        """What a page compares it with before it runs it (W3C Subresource Integrity)."""
        return "sha384-" + base64.b64encode(sha384(self.text).digest()).decode()

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.text, 9, mtime=0)


def script(folder: Path = FOLDER) -> Script:
    """The one of today."""
    return Script((folder / NAME).read_bytes())


def tag(public_url: str) -> str:
    """The line for a page's HTML; `public_url` is where browsers reach the web."""
    found = script()
    address = f"{public_url.rstrip('/')}/popup-{found.digest}.js"
    return f'<script async src="{escape(address)}" integrity="{found.integrity}" crossorigin="anonymous" data-token-url="{TOKEN_URL}"></script>'


def routes(folder: Path = FOLDER) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    today = script(folder)
    kept = {each.digest: each for each in (Script(path.read_bytes()) for path in folder.glob("*.js"))}

    @router.api_route("/popup.js", methods=["GET", "HEAD"])
    async def newest(request: Request) -> Response:
        """Whatever the deployment runs, for pages that do not name its hash."""
        return _answer(request, today, SHORT)

    @router.api_route("/popup-{digest}.js", methods=["GET", "HEAD"])
    async def exactly(request: Request, digest: str) -> Response:
        if digest not in kept:
            raise Refusal(404, "not_found", "no such script here; `banso popup tag` prints today's", {"Cache-Control": "no-store"})
        return _answer(request, kept[digest], FOR_EVER)

    return router


def _answer(request: Request, found: Script, caching: str) -> Response:
    """It holds nothing of anybody, so any page may compare its hash, and any cache may keep it."""
    is_packed = "gzip" in request.headers.get("accept-encoding", "").lower()
    etag = f'"{found.digest}{"-gzip" if is_packed else ""}"'
    headers = {
        "Cache-Control": caching,
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",  # also for pages that isolate themselves
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if is_packed else found.text, headers=headers, media_type="text/javascript; charset=utf-8")
