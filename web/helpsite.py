"""The help site: articles for everybody, without a login and without a script; for a known reader in the order that suits him.

Who reads is told by a token in the address, which goes along with every link of the site; there are no cookies. What the ledger cannot tell just
now is left out: articles are shown all the same.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from engine.errors import BansoError
from engine.help.body import fits_cp932, lay_out, way
from engine.help.guide import Guide, guide_of
from engine.help.shelves import Shelf, by_step, by_use_case, of_step, related
from engine.ledger.open import StoreError
from engine.messages import Language, say
from engine.pipeline import helpsite as pipeline
from engine.pipeline.guide import guide_for, paper_of, title_of
from engine.pipeline.readers import Reader, reader_of, token_for
from engine.pipeline.system import System
from engine.pipeline.visitors import NoVisitor, visitor_of
from engine.wire.machines import Machine, machine_in
from engine.workspace.model import Article, Workspace
from web.guidefile import told_of
from web.pages import HEADERS, HTML, public, written
from web.reactor import Reactor

log = logging.getLogger("banso.web")
METHODS = ["GET", "HEAD"]
POLICY = {"Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("style-src", "script-src 'self'; style-src")}
SAID = (
    "skip", "guide", "search", "search_for", "crumbs", "video", "video_mark", "text_mark", "by_use_case", "by_step", "contents", "attachments",
    "related", "lost", "home",
)  # fmt: skip
ASSETS = {"help.css": "text/css", "copy.js": "text/javascript"}
CP932 = "cp932"


@dataclass(frozen=True)
class Visit:
    """One request for a page of the site. `page`: its name below the root, which is empty."""

    system: System
    reactor: Reactor
    request: Request
    workspace: Workspace
    page: str
    reader: Reader | None
    machine: Machine | None

    @property
    def language(self) -> Language:
        return self.workspace.settings.workspace.language

    @property
    def articles(self) -> Mapping[str, Article]:
        return self.workspace.articles or {}

    def plain(self, target: str) -> str:
        return way(self.page, target)

    def href(self, target: str) -> str:
        """The way to another page, with the token that tells who reads."""
        found = way(self.page, target)
        if self.reader is None or target in ASSETS:
            return found
        return f"{found}{'&' if '?' in found else '?'}{urlencode({'reader': self.reader.token})}"

    def say(self, key: str, **values: object) -> str:
        return say(self.language, f"help.{key}", **values)

    def for_reader(self, ask: Callable[[Reader], Any]) -> Any:
        """What is known of a known reader; None where nobody is known, or the ledger is away: the page does without."""
        if self.reader is None:
            return None
        try:
            return ask(self.reader)
        except (StoreError, BansoError) as problem:
            log.warning("not told to the help site: %s", problem)
            return None

    def show(self, template: str, title: str, status: int = 200, **values: object) -> Response:
        """A page: the same for everybody, or for this reader alone."""
        settings = self.workspace.settings
        common = {
            "language": self.language,
            "title": title,
            "site": self.say("site", product=settings.imprint.legal_name),
            "sender": settings.imprint.legal_name,
            "supports": list(settings.supports.values()),
            "say": {key: self.say(key) for key in SAID},
            "href": self.href,
            "plain": self.plain,
            "reader": self.reader.token if self.reader else "",
            "query": "",
            "crumbs": bool(self.page),
            "description": "",
        }
        body = written(template, {**common, **values})
        if self.reader is not None or status != 200 or template == SEARCH:
            return HTMLResponse(body, status, {**HEADERS, **POLICY})
        return public(self.request, body.encode(), "text/html; charset=utf-8", POLICY)


FRONT, ARTICLE, SEARCH, GUIDE, LOST = "help_front.html", "help_article.html", "help_search.html", "help_guide.html", "help_lost.html"


def routes(system: System, reactor: Reactor) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/help", methods=METHODS)
    def beginning(request: Request) -> Response:
        return _to("help/", request.query_params)

    @router.api_route("/help/{page:path}", methods=METHODS)
    def any_page(request: Request, page: str) -> Response:
        if page in ASSETS:
            return FileResponse(HTML / page, media_type=ASSETS[page], headers={"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"})
        workspace = system.workspace
        if workspace.articles is None:
            raise HTTPException(404, "this workspace has no help site")
        if "visitor" in request.query_params:
            return _exchanged(system, request, page)
        machine = machine_in(request.method, request.headers)
        return _page(Visit(system, reactor, request, workspace, page, _reader(system, request), machine))

    return router


def _page(visit: Visit) -> Response:
    if visit.page in PAGES:
        return PAGES[visit.page](visit)
    if visit.page in visit.articles:
        return _article(visit, visit.articles[visit.page])
    folder, _, file = visit.page.rpartition("/")
    if folder in visit.articles and "." in file and (found := _file(visit, visit.articles[folder], file)) is not None:
        return found
    return visit.show(LOST, visit.say("lost_title"), 404)


def _reader(system: System, request: Request) -> Reader | None:
    try:
        return reader_of(system, request.query_params.get("reader", ""))
    except (StoreError, BansoError) as problem:
        log.warning("nobody can tell who reads: %s", problem)
        return None


def _exchanged(system: System, request: Request, page: str) -> Response:
    """The product's token becomes one of ours, and leaves the address: it would let others act as this visitor on the product's pages."""
    kept = {name: value for name, value in request.query_params.items() if name not in {"visitor", "reader"}}
    try:
        token = token_for(system, visitor_of(system, request.query_params["visitor"]))
    except (NoVisitor, StoreError, BansoError) as problem:
        log.info("a visitor of the help site stays unknown: %s", problem)
        token = None
    return _to(page.rpartition("/")[2] or "./", {**kept, **({"reader": token} if token else {})})


def _to(where: str, query: Mapping[str, str]) -> Response:
    """Relative, so that a proxy may serve the site at any address."""
    answer = RedirectResponse(f"{quote(where)}{'?' if query else ''}{urlencode(dict(query))}", 303)
    answer.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return answer


def _front(visit: Visit) -> Response:
    """First what rules put there for this reader, then what helps with his next step."""
    visit.reactor.answer_now(visit.for_reader(lambda reader: pipeline.opened(visit.system, reader, visit.machine)) or [])
    suggested = visit.for_reader(lambda reader: pipeline.suggestions(visit.system, reader, visit.reactor.recent)) or []
    where = visit.for_reader(lambda reader: pipeline.where_is(visit.system, reader.account, visit.reactor.recent))
    names = list(dict.fromkeys(name for each in suggested for name in each.articles))
    first = [Shelf(visit.say("for_you"), [visit.articles[name] for name in names])] if names else []
    if where is not None and where.next_step is not None:
        own = [each for each in of_step(visit.workspace, where.next_step) if each.name not in names]
        label = visit.say("next_step", step=visit.workspace.route.steps[where.next_step].label)
        first += [Shelf(label, own)] if own else []
    answer = visit.show(
        FRONT,
        visit.say("site", product=visit.workspace.settings.imprint.legal_name),
        first=first,
        use_cases=by_use_case(visit.workspace),
        steps=by_step(visit.workspace),
    )
    if visit.machine is None:
        touches = [each.touch for each in suggested if each.articles]
        visit.reactor.answer(visit.for_reader(lambda reader: pipeline.shown(visit.system, reader, touches)) or [])
    return answer


def _article(visit: Visit, article: Article) -> Response:
    laid = lay_out(article, visit.href, visit.language)
    visit.reactor.answer(
        visit.for_reader(lambda reader: pipeline.viewed(visit.system, reader, article.name, visit.machine, visit.reactor.recent)) or []
    )
    return visit.show(
        ARTICLE,
        article.title,
        article=article,
        body=Markup(laid.html),  # noqa: S704  # made by `lay_out`, which lets no HTML of an author through
        headings=laid.headings,
        related=related(visit.workspace, article),
        minutes=visit.say("minutes", number=article.minutes) if article.minutes else "",
        description=article.summary,
    )


def _search(visit: Visit) -> Response:
    query = visit.request.query_params.get("q", "").strip()[:100]
    found = visit.system.index(visit.workspace).search(query)
    if query and not found.hits:
        visit.reactor.answer(visit.for_reader(lambda reader: pipeline.nothing_found(visit.system, reader, query, visit.machine)) or [])
    told = visit.say("found", query=query, number=found.number) if found.hits else visit.say("none", query=query) if query else ""
    shelves = [] if found.hits else by_use_case(visit.workspace)
    return visit.show(SEARCH, visit.say("search_for"), query=query, told=told, hits=found.hits, use_cases=shelves)


def _guide(visit: Visit) -> Response:
    guide = _guide_of(visit)
    return visit.show(GUIDE, title_of(visit.workspace), guide=guide, told=told_of(guide, visit.language))


def _guide_on_paper(visit: Visit) -> Response:
    """The PDF."""
    guide = _guide_of(visit)
    headers = {"Content-Disposition": f"inline; filename*=UTF-8''{quote(title_of(visit.workspace))}.pdf"}
    if guide.company is None:
        body = visit.system.paper(visit.workspace, lambda: paper_of(visit.workspace, guide))
        return public(visit.request, body, "application/pdf", headers)
    return Response(paper_of(visit.workspace, guide), media_type="application/pdf", headers={**HEADERS, **headers})


def _guide_of(visit: Visit) -> Guide:
    """The company's, where it is known whose; else everybody's."""
    now = visit.system.clock.now()
    return visit.for_reader(lambda reader: guide_for(visit.system, reader.account, now)) or guide_of(visit.workspace)


PAGES: Mapping[str, Callable[[Visit], Response]] = {"": _front, "search": _search, "guide": _guide, "guide.pdf": _guide_on_paper}


def _file(visit: Visit, article: Article, file: str) -> Response | None:
    """A text to take away, or an attachment. UTF-8, or on wish what old Windows programs read, where every character can be said in it."""
    stem, _, kind = file.rpartition(".")
    if stem.isascii() and stem.isdigit() and kind == "txt" and 0 < int(stem) <= len(article.ready_texts):
        ready = article.ready_texts[int(stem) - 1]
        name, text = f"{ready.title}.txt", ready.text
    elif (attached := next((each for each in article.attachments if each.file == file), None)) is not None:
        name, text = file, attached.text
    else:
        return None
    old = visit.request.query_params.get("charset") == CP932 and fits_cp932(text)
    lines = text.replace("\n", "\r\n")
    body = lines.encode(CP932) if old else lines.encode("utf-8-sig" if kind == "csv" else "utf-8")  # Excel takes a CSV without a mark for CP932
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return public(visit.request, body, f"text/{'csv' if kind == 'csv' else 'plain'}; charset={'Shift_JIS' if old else 'utf-8'}", headers)
