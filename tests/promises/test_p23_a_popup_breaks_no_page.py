"""P23: a popup never breaks the customer's page, and never stays when its step is done.

In a real Chromium (`make test-browser`, `make promises`) a page under a strict policy meets every bad answer: no connection, silence, 500s, cut and
huge bodies, wrong forms, markup and scripts in every text, tokens that are none. Nothing may be thrown, rejected or barred by the policy, and the
page goes on working. Then steps are finished while their popup is on the screen: it is gone within a second of the record. Without a browser: the
script is 10 kB packed at most and uses nothing that runs texts, keeps anything or writes to the console; the next question knows a finished step.
"""

import gzip
import json
import os
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Deployment, deployed, deployment, product, stand_in  # noqa: F401 - fixtures
from tests.browser.product import STRICT, Product, token_of
from tests.browser.screen import Screen, screen
from tests.browser.stand_in import WORDS, Reply, StandIn, a_question, an_action, says
from tests.builders import a_customer
from tests.inbox import free_port
from tests.promises.book import RECORD
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from web.script import script

LARGEST = 10_000  # bytes, packed
FINISHED = scaled(4, 40)
GONE_MS = 1_000
EVIL = "<img src=x onerror=\"document.title='evil'\"><script>document.title='evil'</script>{{7*7}}"
# What runs texts, reaches into the page, keeps something there, or says something.
FORBIDDEN = (
    r"innerHTML|outerHTML|insertAdjacent|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\b|\bFunction\(|new Function|import\(",
    r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.|\.prototype|__proto__|setPrototypeOf|window\.\w+ =|globalThis",
    r"console\.|alert\(|XMLHttpRequest|sendBeacon|WebSocket|postMessage|history\.|\.href =|location\.(assign|replace)|\.style\b|setInterval",
)
# What a page of the product meets when things go wrong; none of it may be seen there.
BAD: dict[str, Reply] = {
    "500": Reply(500, b"Internal Server Error"),
    "502 with a page": Reply(502, b"<html><script>document.title='evil'</script></html>", {"Content-Type": "text/html"}),
    "503 for an hour": Reply(503, b"{}", {"Retry-After": "3600"}),
    "429 with words for a number": Reply(429, b"{}", {"Retry-After": "Tue, 07 Apr 2026 01:00:00 GMT"}),
    "401": Reply(401, b"{}"),
    "403": Reply(403, b"{}"),
    "404": Reply(404, b""),
    "204": Reply(204),
    "a redirect": Reply(302, b"", {"Location": "/elsewhere"}),
    "not let in by CORS": Reply(200, b"{}", {"Access-Control-Allow-Origin": "https://other.example"}),
    "cut": Reply(body=None),
    "shorter than it said": Reply(body=b'{"action": ', headers={"Content-Length": "100000"}),
    "empty": Reply(),
    "no JSON": Reply(body=b"<html>"),
    "no UTF-8": Reply(body=b"\xff\xfe\x00\xd8"),
    "null": Reply(body=b"null"),
    "a list": Reply(body=b"[]"),
    "a number": Reply(body=b"1e400"),
    "100,000 brackets": Reply(body=b"[" * 100_000),
    "5 MB": Reply(body=json.dumps({"action": an_action(title="あ" * 1_600_000)}).encode()),
    "an action that is a text": says("初期設定"),
    "an action that is a list": says([an_action()]),
    "without a title": says(an_action(title=None)),
    "without words": says(an_action(words=None)),
    "with words that are numbers": says(an_action(words=dict.fromkeys(WORDS, 7))),
    "an id that is a path": says(an_action(id="../../admin")),
    "an id that is an object": says(an_action(id={"toString": "x"})),
    "a question of no kind": says(a_question("colour")),
    "a question without choices": says(a_question("one")),
    "a question that is a number": says(an_action(question=7)),
    "of the prototype": Reply(body=b'{"__proto__": {"action": 1}, "constructor": {"prototype": {"polluted": 1}}}'),
}
# These can be shown, and are: what is wrong with them is left out, and markup is text.
STRANGE = {
    "markup in every text": an_action(title=EVIL, paragraphs=[EVIL], words=dict.fromkeys(WORDS, EVIL), language=EVIL),
    "a link that runs a script": an_action(link={"label": "続きの画面を開く", "url": "javascript:document.title='evil'"}),
    "a link that is data": an_action(link={"label": "続きの画面を開く", "url": "data:text/html,<script>1</script>"}),
    "a link without a lock": an_action(link={"label": "続きの画面を開く", "url": "http://app.example.jp/"}),
    "a link that is a number": an_action(link={"label": 1, "url": 2}),
    "paragraphs of all kinds": an_action(paragraphs=[1, None, {}, [], EVIL, "x" * 50_000]),
    "paragraphs that are a text": an_action(paragraphs=EVIL),
    "choices of all kinds": {**a_question("one", a=EVIL), "paragraphs": None},
}
TOKENS: dict[str, bytes] = {
    "no token": b"",
    "a page to sign in at": b"<!doctype html><title>Sign in</title>",
    "JSON without one": b'{"token": null}',
    "half of a JSON": b'{"token":',
    "1 MB": b"a" * 1_000_000,
    "with a line's end": b"a.b.c\r\nX: y",
}
# Every function that the page may call is still the browser's own, and `banso` is the only new name.
NOT_NATIVE = """() => Object.getOwnPropertyNames(window).flatMap((name) => {
  const [own, made] = [Object.getOwnPropertyDescriptor(window, name), window[name]];
  const all = [own, ...(typeof made === 'function' && made.prototype ? Object.values(Object.getOwnPropertyDescriptors(made.prototype)) : [])];
  const parts = all.flatMap((each) => [each.value, each.get, each.set]).filter((each) => typeof each === 'function');
  return parts.every((each) => Function.prototype.toString.call(each).includes('[native code]')) ? [] : [name];
})"""


def works(it: Screen) -> None:
    """The page's own button does what the page's own script says."""
    it.page.evaluate("document.querySelector('#save').addEventListener('click', () => { document.title = 'saved' })")
    it.page.click("#save")
    assert it.page.title() == "saved"


def meets(it: Screen, stand_in: StandIn, address: str, reply: Reply) -> None:  # noqa: F811 - a fixture's name
    """The page is opened, asks, and has had its answer."""
    stand_in.reply, before = reply, len(stand_in.asked)
    it.page.goto(address)
    it.until(lambda: len(stand_in.asked) > before)


def test_whatever_is_answered_the_page_is_unharmed(chromium: Browser, product: Product, stand_in: StandIn, reached: Tell) -> None:  # noqa: F811
    address = product.shows(stand_in.url, head=stand_in.tag())
    with screen(chromium) as it:
        for name, reply in BAD.items():
            meets(it, stand_in, address, reply)
            it.page.wait_for_load_state("networkidle")
            assert it.parts() == [], name
            works(it)
            assert it.faults == [], name
        assert it.page.evaluate("({}).polluted") is None
    assert stand_in.told == []
    reached(len(BAD), "bad answers", faults=len(BAD))


def test_markup_is_text_and_what_leads_astray_is_left_out(chromium: Browser, product: Product, stand_in: StandIn, reached: Tell) -> None:  # noqa: F811
    address = product.shows(stand_in.url, head=stand_in.tag())
    asked: list[str] = []
    with screen(chromium) as it:
        it.page.on("request", lambda request: asked.append(request.url))
        for name, action in STRANGE.items():
            meets(it, stand_in, address, says(action))
            it.until_title(action["title"])
            assert it.page.title() == "採用ナビ"
            assert it.said("link", "img") == [], name
            assert max(map(len, it.said())) < 1_100, name
            if name == "markup in every text":
                assert it.said("StaticText").count(EVIL) >= 2
            works(it)
            assert it.faults == [], name
    assert {url for url in asked if not url.startswith((product.url, stand_in.url))} == set()
    reached(len(STRANGE), "strange answers", faults=len(STRANGE))


def test_silence_and_absence_leave_no_trace(chromium: Browser, product: Product, stand_in: StandIn, reached: Tell) -> None:  # noqa: F811
    nowhere = f"http://127.0.0.1:{free_port()}"
    with screen(chromium) as it:
        stand_in.reply = Reply(wait=True)
        with it.page.expect_event("requestfailed") as given_up:  # while the answer is still to come
            it.page.goto(product.shows(stand_in.url, head=stand_in.tag()))
        assert given_up.value.failure == "net::ERR_ABORTED"
        works(it)

        policy = STRICT.replace("connect-src {api}", f"connect-src {nowhere}")
        it.page.goto(product.shows(stand_in.url, head=stand_in.tag("data-token=a.b.c", f"data-api={nowhere}"), policy=policy))
        it.until(lambda: it.lines)
        works(it)

        it.page.goto(product.shows(nowhere, head=f'<script async src="{nowhere}/popup.js"></script>'))
        assert it.page.evaluate("typeof banso") == "undefined"
        works(it)
    reached(3, "times no answer at all", faults=3)


def test_a_token_that_is_none_tells_nobody_anything(chromium: Browser, product: Product, stand_in: StandIn, reached: Tell) -> None:  # noqa: F811
    address = product.shows(stand_in.url, head=stand_in.tag("data-token-url=/banso-token"))
    with screen(chromium) as it:
        for name, token in TOKENS.items():
            product.pages["/banso-token"] = (200, {"Content-Type": "text/plain"}, token)
            it.page.goto(address, wait_until="networkidle")
            works(it)
            assert it.faults == [], name
        for attribute in ("data-token=", "data-token=a%0Ab", "data-token-url=//evil.example/", "data-token=a.b.c data-api=javascript:1", "data-x"):
            it.page.goto(product.shows(stand_in.url, head=stand_in.tag(attribute), path="/other"), wait_until="networkidle")
            works(it)
            assert it.faults == [], attribute
    assert stand_in.told == []
    reached(len(TOKENS), "tokens that are none", faults=len(TOKENS))


def test_it_adds_one_frozen_name_to_the_page_and_changes_nothing(chromium: Browser, product: Product, stand_in: StandIn) -> None:  # noqa: F811
    names = "Object.getOwnPropertyNames(window).sort()"
    with screen(chromium) as it:
        it.page.goto(product.shows(stand_in.url))
        before, strange = it.page.evaluate(names), it.page.evaluate(NOT_NATIVE)
        it.page.goto(product.shows(stand_in.url, head=stand_in.tag() * 2, path="/other"), wait_until="networkidle")
        assert sorted({*it.page.evaluate(names)} - {*before}) == ["banso"]
        assert it.page.evaluate(NOT_NATIVE) == strange
        assert it.page.evaluate("Object.isFrozen(banso)")
        it.page.evaluate("banso.start(null); banso.start({ token: () => { throw new Error('of the page') } }); banso.start({ token: 7, api: {} })")
        it.page.wait_for_timeout(200)


def test_a_finished_step_takes_its_popup_along(chromium: Browser, deployment: Deployment, reached: Tell) -> None:  # noqa: F811
    system, taken = deployment.story.system, list[float]()
    with screen(chromium) as it:
        for number in range(FINISHED):
            account = f"c{number:03d}"
            deployment.story.given(a_customer(account))
            deployment.product.gives("/banso-token", lambda account=account: token_of(system, account=account))
            deployment.happens("product.login", account=account)
            it.page.goto(deployment.page())
            it.until_title("次は「初期設定」です")
            it.page.click("#save")
            deployment.happens("product.settings_completed", account=account)
            kept, came = time.time() * 1000, len(it.moments)
            it.until(lambda came=came: len(it.moments) > came)
            word, moment = it.moments[came]
            assert word == "went"
            taken.append(moment - kept)
            it.until_title("次は「選考フローの設計」です")
    in_time = sum(each <= GONE_MS for each in taken)
    assert in_time == FINISHED or RECORD not in os.environ, taken  # what is recorded must be so; how fast another machine is, no test says
    reached(in_time, "popups gone within a second")


def test_the_next_question_knows_a_finished_step(deployment: Deployment, reached: Tell) -> None:  # noqa: F811
    steps = {"product.settings_completed": "初期設定", "product.flow_published": "選考フローの設計"}
    for number in range(FINISHED):
        account = f"c{number:03d}"
        deployment.story.given(a_customer(account))
        deployment.happens("product.login", account=account)
        for event, step in steps.items():
            title = f"次は「{step}」です"
            waits_for(lambda account=account, title=title: (deployment.look(account) or {}).get("title") == title)
            deployment.happens(event, account=account)
            assert (deployment.look(account) or {}).get("title") != title
    reached(FINISHED * len(steps), "finished steps")


def waits_for(look: Callable[[], bool]) -> None:
    """What is judged beside the request is there a moment later."""
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_script_is_small_and_uses_nothing_dangerous(reached: Tell) -> None:
    text = script().text.decode()
    assert len(gzip.compress(text.encode(), 9)) <= LARGEST
    assert [found[0] for pattern in FORBIDDEN for found in re.finditer(pattern, text)] == []
    assert text.isascii() or not re.search(r"[ぁ-んァ-ヶ一-龠]", text), "its words come from the catalogue"
    reached(len(gzip.compress(text.encode(), 9)), "bytes of script")


@pytest.mark.parametrize("bad", ["x.innerHTML = y", "new Function(x)", "console.log(1)", "window.banso2 = 1", "localStorage.x"])
def test_what_is_dangerous_would_be_found(bad: str) -> None:
    assert any(re.search(pattern, bad) for pattern in FORBIDDEN)
