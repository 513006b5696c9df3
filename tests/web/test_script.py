"""The popup's script as the web serves it: always the same under its own address, checked by its hash, readable by any page, and small on the way."""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests.story import ROOT, Story
from tests.web.door import Web
from web.script import FOLDER, NAME, routes, script, tag

TEXT = (FOLDER / NAME).read_bytes()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    story = Story(tmp_path, workspace=ROOT)
    yield Web(story.system)
    story.close()


def address(web_url: str = "https://u.example.jp") -> tuple[str, str]:
    """(path, integrity) of what a page is told to load."""
    found = re.fullmatch(
        r'<script async src="https://u\.example\.jp(/[^"]+)" integrity="([^"]+)" crossorigin="anonymous" [^>]+></script>', tag(web_url)
    )
    assert found
    return found[1], found[2]


def get(web: Web, path: str, **headers: str) -> httpx.Response:
    return web.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_the_tag_names_exactly_what_is_served(web: Web) -> None:
    path, integrity = address()
    answer = get(web, path, Origin="https://app.example.jp")
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert integrity == "sha384-" + base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
    told = {name: answer.headers[name] for name in ("Content-Type", "X-Content-Type-Options", "Access-Control-Allow-Origin", "Cache-Control")}
    assert told == {
        "Content-Type": "text/javascript; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    assert address("https://u.example.jp/") == (path, integrity)


def test_under_its_plain_name_it_may_change(web: Web) -> None:
    answer = get(web, "/popup.js")
    assert (answer.content, answer.headers["Cache-Control"]) == (TEXT, "public, max-age=300")
    again = get(web, "/popup.js", If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get(web, "/popup.js", If_None_Match='"another"').status_code == 200
    assert web.ask("HEAD", "/popup.js").headers["ETag"] == answer.headers["ETag"]


def test_it_is_packed_for_those_who_can_unpack_it(web: Web) -> None:
    packed, plain = get(web, "/popup.js", Accept_Encoding="br, gzip"), get(web, "/popup.js", Accept_Encoding="identity")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content == TEXT
    assert packed.headers["ETag"] != plain.headers["ETag"], "caches must not give one for the other"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert int(packed.headers["Content-Length"]) == len(gzip.compress(TEXT, 9))


def test_what_never_was_is_not_kept_by_caches(web: Web) -> None:
    answer = get(web, "/popup-0123456789abcdef0123.js")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


def test_pages_that_still_name_an_earlier_release_get_that(web: Web, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("'today'", encoding="utf-8")
    (tmp_path / "banso-0.1.js").write_text("'earlier'", encoding="utf-8")
    web.app = FastAPI()
    web.app.include_router(routes(tmp_path))
    earlier = hashlib.sha256(b"'earlier'").hexdigest()[:20]
    assert get(web, "/popup.js").text == "'today'"
    assert get(web, f"/popup-{script(tmp_path).digest}.js").text == "'today'"
    assert get(web, f"/popup-{earlier}.js").text == "'earlier'"
