"""The help site: everybody reads it; a known reader finds what helps him first, and what he read stands on his account's timeline."""

import email
import email.policy
import re
import secrets
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx
import jwt
import pytest

from engine.channels.deployment import Deployment
from engine.channels.mail.tags import READER, tag
from engine.ledger.keys import Key
from engine.pipeline.keys import add_key, revoke_key
from engine.pipeline.postal import deployment_of
from engine.pipeline.timeline import timeline
from engine.pipeline.visitors import popup_secret
from tests.builders import AZURE, a_customer, a_record, at
from tests.story import ROOT, SPACE, Story
from tests.web.door import Web, records_of

NOW = "2026-04-07 10:00"
BROWSER = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """The example workspace; Tanaka of Aozora works for a company that hires new graduates and has done the first settings."""
    story = Story(tmp_path, workspace=ROOT)
    (tmp_path / "secret").write_text(secrets.token_hex(32), encoding="utf-8")
    story.config = story.config.model_copy(update={"secret_file": tmp_path / "secret", "public_url": "https://banso.example.jp"})
    story.restart()
    story.clock.set(at(NOW))
    add_key(story.system, popup_secret(story.system, "app"), Key("app", frozenset({"popup"}), (), at(NOW), "tanaka"))
    story.given(a_customer(), a_record("product.login", at="2026-04-02 10:00"), a_record("product.settings_completed", at="2026-04-03 10:00"))
    story.given(a_record("hearing.recruit_kind", value="new_grad", at="2026-04-03 10:00"))
    story.heard(NOW)
    yield story
    story.close()


def get(story: Story, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
    web = Web(story.system)
    answer = web.ask(method, path, headers={**BROWSER, **headers})
    web.come_to_rest()
    return answer


def visitor(story: Story, *, user: str = "tanaka", account: str = AZURE, secret: str | None = None) -> str:
    now = story.clock.now() // 1_000_000
    claims = {"iss": "app", "sub": user, "account": account, "iat": now, "exp": now + 300}
    return jwt.encode(claims, secret or popup_secret(story.system, "app"), "HS256")


def token_of(story: Story, **more: Any) -> str:
    """The token of a reader whom the product sent."""
    answer = get(story, f"/help/?visitor={visitor(story, **more)}")
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["reader"][0]


def events(story: Story, account: str = AZURE) -> list[str]:
    return [each.event for each in records_of(story.system, account) if each.event and each.event.startswith("help.")]


def links(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'(?:href|src|action)="([^"]+)"', page)]


# --- for everybody ---------------------------------------------------------------------------------------------------


def test_the_front_page_has_every_article_that_is_for_something(story: Story) -> None:
    page = get(story, "/help/").text
    for article in story.system.workspace.articles or {}:
        assert f'href="{article}"' in page, article
    assert "使う場面から探す" in page
    assert "新卒採用" in page
    assert events(story) == []


def test_the_site_may_stand_at_any_address(story: Story) -> None:
    assert get(story, "/help").headers["location"] == "help/"
    for path in ("/help/", "/help/video/flow", "/help/search?q=x", "/help/no/such/page"):
        found = [each for each in links(get(story, path).text) if not re.match(r"(https|mailto|tel):|#", each)]
        assert found, path
        assert not [each for each in found if each.startswith("/")], path


def test_every_link_of_every_page_leads_somewhere(story: Story) -> None:
    ask, seen, pending = Web(story.system).ask, set[str](), ["/help/"]
    while pending:
        path = pending.pop()
        answer = ask("GET", path, headers=BROWSER)
        assert answer.status_code == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            ids = set(re.findall(r'id="([^"]+)"', answer.text))
            for link in links(answer.text):
                if link.startswith("#"):
                    assert link[1:] in ids, (path, link)
                elif not re.match(r"(https|mailto|tel):", link) and (target := urljoin(path, link).partition("#")[0]) not in seen:
                    seen.add(target)
                    pending.append(target)
    assert len(seen) > 40


def test_an_article_is_read_without_script_cookie_or_login(story: Story) -> None:
    answer = get(story, "/help/template/offer")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert 'style="' not in answer.text
    assert not re.search(r" on\w+=", answer.text)
    assert "選考の結果、〇〇様をぜひお迎えしたく、内定をご連絡いたします。" in answer.text
    assert answer.text.count("<h1>") == 1
    assert '<button type="button" class="copy" hidden' in answer.text, "it shows only where the script runs"
    assert '<html lang="ja">' in answer.text


def test_what_an_author_writes_is_text_and_never_html(story: Story, tmp_path: Path) -> None:
    other = Story(tmp_path / "other", workspace=SPACE)
    other.change_rules("rules/workspace.yaml", "help_url: https://help.example.jp", "help_url: https://help.example.jp   ")
    for name in ("guide/checklist", "guide/print", "usecase/new-grad", "usecase/mid-career", "video/login", "video/basics"):
        path = other.config.workspace / "templates/help" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "<script>alert(1)</script> <img src=x onerror=y> [a](javascript:x) `<b>`\n\n```copy </pre><script>\n</pre><script>\n```\n"
        path.write_text(f'---\ntitle: "{name} <script>"\nsummary: "<script>"\n---\n{text}', encoding="utf-8")
    other.restart()
    for path in ("/help/guide/print", "/help/", "/help/search?q=%3Cscript%3E"):
        page = get(other, path).text
        assert "<script>" not in page.replace('<script src="', ""), path
        assert "<img" not in page, path
        assert "javascript:" not in re.sub(r"\[a\]\(javascript:x\)", "", page), path
    other.close()


def test_an_unknown_page_says_so_and_offers_the_search(story: Story) -> None:
    for path in ("/help/no/such", "/help/video", "/help/template/offer/2.txt", "/help/template/offer/0.txt", "/help/guide/../../rules", "/help/%00"):
        answer = get(story, path)
        assert answer.status_code == 404, path
        if "text/html" in answer.headers["content-type"]:
            assert "ページが見つかりません" in answer.text
            assert 'type="search"' in answer.text


def test_a_page_is_kept_by_browsers_until_it_changes(story: Story) -> None:
    answer = get(story, "/help/video/flow")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "x-robots-tag" not in answer.headers, "search engines may know articles"
    again = get(story, "/help/video/flow", **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert get(story, "/help/video/basics", **{"If-None-Match": answer.headers["etag"]}).status_code == 200
    head = get(story, "/help/video/flow", method="HEAD")
    assert (head.status_code, head.headers["etag"]) == (200, answer.headers["etag"])


def test_a_ready_text_is_loaded_as_a_file(story: Story) -> None:
    answer = get(story, "/help/template/offer/1.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].endswith("%E5%86%85%E5%AE%9A%E3%81%AE%E3%81%94%E9%80%A3%E7%B5%A1.txt")
    assert answer.content.decode().startswith("件名:選考結果のご連絡(株式会社〇〇)\r\n")
    old = get(story, "/help/template/offer/1.txt?charset=cp932")
    assert old.content.decode("cp932") == answer.content.decode()
    table = get(story, "/help/guide/checklist/checklist.csv")
    assert table.content.startswith("\ufeff区分,".encode()), "so that spreadsheets read it"


def test_a_text_that_old_programs_cannot_show_is_never_given_with_question_marks(story: Story, tmp_path: Path) -> None:
    from engine.help.body import ready_text
    from engine.workspace.model import Article

    article = Article("a", "あ", "")
    assert "cp932" in ready_text(article, 1, "題", "株式会社", str, "ja")
    assert "cp932" not in ready_text(article, 1, "題", "叱る 𠮟る", str, "ja")


def test_a_search_shows_where_the_words_stand(story: Story) -> None:
    page = get(story, "/help/search?q=%E3%81%8A%E7%A5%88%E3%82%8A").text
    assert "<mark>お祈り</mark>" in page
    assert "不採用のご連絡メール" in page
    assert 'role="status"' in page
    assert get(story, "/help/search?q=x").headers["x-robots-tag"] == "noindex"
    assert "見つかりませんでした" in get(story, "/help/search?q=%E9%8C%AC%E9%87%91%E8%A1%93").text
    assert get(story, "/help/search").status_code == 200


def test_a_workspace_whose_articles_stand_elsewhere_has_no_site(tmp_path: Path) -> None:
    other = Story(tmp_path, workspace=SPACE)
    assert get(other, "/help/").status_code == 404
    other.close()


# --- who reads -------------------------------------------------------------------------------------------------------


def test_whom_the_product_sends_is_known_and_its_token_leaves_the_address(story: Story) -> None:
    answer = get(story, f"/help/video/flow?visitor={visitor(story)}")
    where = urlsplit(answer.headers["location"])
    assert (answer.status_code, where.path, set(parse_qs(where.query))) == (303, "flow", {"reader"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert AZURE not in answer.headers["location"]
    page = get(story, urljoin("/help/video/flow", answer.headers["location"]))
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex"
    inner = [each for each in links(page.text) if "reader=" in each]
    assert any(each.startswith("../usecase/mid-career?reader=") for each in inner), "it goes along with every link"
    assert not [each for each in links(page.text) if each.startswith("http") and "reader=" in each], "but to nobody else"


@pytest.mark.parametrize("kind", ["another secret", "nonsense", "a withdrawn key"])
def test_a_forged_visitor_reads_as_anybody(story: Story, kind: str) -> None:
    token = visitor(story, secret="ps_" + "0" * 64) if kind == "another secret" else "a.b.c" if kind == "nonsense" else visitor(story)
    if kind == "a withdrawn key":
        revoke_key(story.system, "app")
    answer = get(story, f"/help/video/flow?visitor={token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "flow")


def test_a_forged_or_old_token_is_an_unknown_reader_and_the_page_is_shown(story: Story) -> None:
    token = token_of(story)
    forged = ["x", "v.", "v.AAAA", f"{token[:-2]}AA", "0" * 32 + "." + "0" * 32, "v." + "é" * 10, "a" * 5000]
    for each in forged:
        answer = get(story, f"/help/video/flow?reader={each}")
        assert (answer.status_code, "reader=" in answer.text) == (200, False), each
    story.clock.set(at("2026-04-08 10:00"))
    assert "reader=" not in get(story, f"/help/video/flow?reader={token}").text, "a token of the product lasts a working day"
    assert events(story) == []


def test_a_token_of_a_visitor_tells_nothing_of_him(story: Story) -> None:
    assert token_of(story) == token_of(story)
    assert token_of(story) != token_of(story, user="suzuki")


def mail_link(story: Story) -> str:
    """The address behind the button of the mail that asks how the preparations go."""
    story.given(a_record("hearing.guidance_start", value="2026-05-01", at="2026-04-03 10:00"))
    story.nightly("2026-04-08 02:00")
    (touch,) = [each for each in story.touches() if each.rule == "readiness"]
    secret = deployment_of(story.config).secret
    assert secret is not None
    return f"https://help.example.jp/guide/checklist?reader={touch.id}.{tag(secret, READER, touch.id)}"


def test_the_link_in_a_mail_tells_who_reads(story: Story) -> None:
    link = mail_link(story)
    story.dispatch("2026-04-08 11:40")
    (letter,) = (story.config.state_folder / "outbox").rglob("*.eml")
    text = email.message_from_bytes(letter.read_bytes(), policy=email.policy.default).get_body(("plain",))
    assert text is not None
    assert quote(link, safe="") in text.get_content(), "by way of us, as clicks are recorded here"
    story.clock.set(at("2026-04-08 12:00"))
    get(story, f"/help/guide/checklist?{urlsplit(link).query}")
    (record,) = [each for each in records_of(story.system, AZURE) if each.event == "help.viewed"]
    assert (record.source, record.contact_id) == ("help", story.touches()[0].contact_id)
    assert '"article": "guide/checklist"' in str(record.properties)


def test_the_link_in_a_popup_tells_who_reads(story: Story) -> None:
    for number in range(2):
        story.happens(a_record("product.setting_error", at="2026-04-07 10:00", contact="tanaka", source_id=f"e{number}"))
    headers = {"Authorization": f"Bearer {visitor(story)}"}
    link = Web(story.system).ask("GET", "/v1/next-action", headers=headers).json()["action"]["link"]["url"]
    assert link.startswith("https://help.example.jp/video/flow?reader=")
    get(story, f"/help/video/flow?{urlsplit(link).query}")
    assert events(story) == ["help.viewed"]


def test_a_tag_for_another_purpose_tells_nobody(story: Story) -> None:
    link = mail_link(story)
    touch = parse_qs(urlsplit(link).query)["reader"][0].split(".")[0]
    secret = deployment_of(story.config).secret
    assert secret is not None
    answer = get(story, f"/help/guide/checklist?reader={touch}.{tag(secret, 'refusal', touch)}")
    assert "reader=" not in answer.text
    assert events(story) == []


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_a_view_is_kept_once_an_hour_and_stands_on_the_timeline_with_its_title(story: Story) -> None:
    token = token_of(story)
    for when in ("2026-04-07 10:00", "2026-04-07 10:20", "2026-04-07 11:20"):
        story.clock.set(at(when))
        get(story, f"/help/video/flow?reader={token}")
    get(story, f"/help/video/basics?reader={token}")
    assert events(story) == ["help.viewed"] * 3
    moments = [each for each in timeline(story.system, AZURE, story.clock.now()) if each.what == "help.viewed"]
    assert [each.detail for each in moments][-1] == "はじめての採用ナビ(動画) (video/basics)"
    assert story.facts("2026-04-07 12:00")["mails_ignored"] == 0


MACHINES = {
    "a scanner": {"User-Agent": "Mozilla/5.0 (compatible; Barracuda Sentinel)"},
    "a search engine": {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
    "nobody's name": {"User-Agent": ""},
    "a program": {"User-Agent": "python-requests/2.32"},
    "a browser that looks ahead": {"Sec-Purpose": "prefetch;prerender"},
    "an older one that looks ahead": {"Purpose": "prefetch"},
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_machine_asks_for_is_no_view(story: Story, name: str) -> None:
    token = token_of(story)
    for path in ("/help/", "/help/video/flow", "/help/search?q=zzzz"):
        joined = "&" if "?" in path else "?"
        assert get(story, f"{path}{joined}reader={token}", **MACHINES[name]).status_code == 200
    assert set(events(story)) == {"help.scanned"}
    assert [each.state for each in story.touches()] == []
    scanned = next(each for each in records_of(story.system, AZURE) if each.event == "help.scanned")
    assert '"why": ' in str(scanned.properties)


def test_to_ask_for_the_head_of_a_page_is_no_view(story: Story) -> None:
    token = token_of(story)
    assert get(story, f"/help/video/flow?reader={token}", method="HEAD").status_code == 200
    assert events(story) == ["help.scanned"]


def test_a_search_that_found_nothing_is_told_and_two_bring_the_support_centre(story: Story) -> None:
    token = token_of(story)
    for word in ("zzzz", "ZZZZ", "qqqq"):
        get(story, f"/help/search?q={word}&reader={token}")
    assert events(story) == ["help.search_no_hit"] * 2, "the same word in another form is said once"
    assert [each.rule for each in story.touches()] == ["popup-support"]


def test_articles_are_shown_while_the_ledger_is_away(story: Story, tmp_path: Path) -> None:
    token = token_of(story)
    story.system.close()
    story.config = story.config.model_copy(update={"ledger_url": f"sqlite:///{tmp_path}/no/such/folder/ledger.db"})
    story.restart()
    for path in ("/help/", "/help/video/flow", "/help/search?q=zzzz"):
        joined = "&" if "?" in path else "?"
        answer = get(story, f"{path}{joined}reader={token}")
        assert answer.status_code == 200, path


# --- what stands first -----------------------------------------------------------------------------------------------


def first_of(page: str) -> list[str]:
    """The articles of the boxes at the top, in order."""
    boxes = re.findall(r'<section class="first">(.*?)</section>', page, re.DOTALL)
    return [unescape(each) for box in boxes for each in re.findall(r'<li><a href="([^"?]+)', box)]


def test_what_a_rule_suggests_and_what_helps_with_the_next_step_stand_first(story: Story) -> None:
    page = get(story, f"/help/?reader={token_of(story)}").text
    assert first_of(page) == ["usecase/new-grad", "template/briefing-mail", "guide/print", "video/flow", "guide/checklist"]
    assert "次の手順「選考フローの設計」に役立つ記事" in page
    assert first_of(get(story, "/help/").text) == []
    assert events(story) == ["help.opened", "help.shown"]
    assert (story.touch().rule, story.touch().state, story.touch().contact_id) == ("help-usecase", "sent", "tanaka")


def test_the_suggestion_stays_while_it_is_valid_and_a_read_one_is_its_answer(story: Story) -> None:
    token = token_of(story)
    get(story, f"/help/?reader={token}")
    get(story, f"/help/video/flow?reader={token}")
    assert story.touch().reply is None, "that was not what the rule put first"
    get(story, f"/help/usecase/new-grad?reader={token}")
    assert story.touch().reply == "viewed"
    (viewed,) = [each for each in records_of(story.system, AZURE) if "new-grad" in str(each.properties)]
    assert story.touch().id in str(viewed.properties)
    assert first_of(get(story, f"/help/?reader={token}").text)[0] == "usecase/new-grad", "it stays for the other articles"
    assert events(story).count("help.shown") == 1


def test_what_was_never_shown_is_not_marked_as_shown(story: Story) -> None:
    story.happens(a_record("help.opened", at="2026-04-07 10:00", contact="tanaka", source="help"))
    assert story.touch().state == "pending"
    get(story, f"/help/search?q=x&reader={token_of(story)}")
    get(story, "/help/")
    assert story.touch().state == "pending"
    get(story, f"/help/?reader={token_of(story)}")
    assert story.touch().state == "sent"


def test_a_suggestion_for_one_person_is_nobody_elses(story: Story) -> None:
    get(story, f"/help/?reader={token_of(story)}")
    page = get(story, f"/help/video/flow?reader={token_of(story, user='suzuki')}")
    assert page.status_code == 200
    assert story.touches()[0].reply is None


def test_who_has_no_secret_links_without_a_token() -> None:
    from engine.channels.words import article_url
    from tests.workspace.writings import workspace

    space = workspace("ja")
    assert article_url(space, Deployment(), "video/flow", "0" * 32) == "https://help.example.jp/video/flow"
    assert article_url(workspace("en"), Deployment("https://b.example", b"x" * 32), "whats-new", "0" * 32) == "https://help.banso.example/whats-new"
