"""The popup on a real page of the product: it comes when the rules say so, goes when its step is done, and what is done with it is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request

from engine.pipeline.plan import plan
from tests.browser.conftest import NOW, Deployment
from tests.browser.product import Product, token_of
from tests.browser.screen import Screen, screen
from tests.builders import AZURE, a_record, at
from tests.story import ROOT, quiet


def comes_home(it: Screen, deployment: Deployment, **more: str) -> None:
    """He opens the page, and the product's server tells it."""
    deployment.happens("product.page_viewed", page="home")
    it.page.goto(deployment.page(**more))


def tonight(deployment: Deployment) -> set[str]:
    """The mails that a night would plan, as things stand."""
    return {rule.rule_id for rule in plan(deployment.story.system, deployment.story.clock.now(), quiet).rules if rule.won}


def test_who_logs_in_is_shown_the_next_step_and_it_goes_when_that_is_done(chromium: Browser, deployment: Deployment) -> None:
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.goto(deployment.page())
        it.until_title("次は「初期設定」です")
        assert it.said("link", "button") == ["閉じる", "続きの画面を開く （新しいタブで開きます）", "あとで"]
        it.until(lambda: deployment.events() == ["popup.shown"])
        it.page.click("#save")
        deployment.happens("product.settings_completed")
        it.until(lambda: [word for word, _ in it.moments] >= ["came", "went"])
        it.until_title("次は「選考フローの設計」です")
        it.click("あとで")
        it.until_title(None)
        it.until(lambda: deployment.events() == ["popup.shown", "popup.shown", "popup.later"])


def test_it_comes_although_the_page_was_quicker_than_the_event(chromium: Browser, deployment: Deployment) -> None:
    with screen(chromium) as it:
        it.page.goto(deployment.page(), wait_until="networkidle")
        assert it.title is None
        deployment.happens("product.login")
        it.until_title("次は「初期設定」です")


def test_two_errors_bring_a_video_and_four_the_support_centre(chromium: Browser, deployment: Deployment) -> None:
    deployment.story.given(a_record("product.login", at="2026-04-06 10:00"))
    with screen(chromium) as it:
        it.page.goto(deployment.page())
        for number in range(2):
            it.page.click("#save")
            deployment.happens("product.setting_error", error=number)
        it.until_title("1分の動画で直し方をご覧いただけます")
        assert it.part("動画を見る （新しいタブで開きます）").properties["url"].startswith("https://help.example.jp/video/initial-settings?reader=")
        for number in range(2):
            it.page.click("#save")
            deployment.happens("product.setting_error", error=2 + number)
        it.until_title("一緒に画面を見ながら、お調べいたします")
        it.until(lambda: deployment.events() == ["popup.shown", "popup.shown"])


def test_a_question_is_answered_and_the_night_of_the_same_day_knows_it(chromium: Browser, deployment: Deployment) -> None:
    known = [
        a_record("product.login", at="2026-03-26 10:00"),
        a_record("hearing.recruit_kind", value="new_grad", at="2026-04-01 10:00"),
    ]
    deployment.story.given(known)
    assert tonight(deployment) == {"next-setting"}, "he has been at his settings for nine business days"
    with screen(chromium) as it:
        comes_home(it, deployment)
        it.until_title("応募者への案内は、いつごろ始めますか?")
        it.click(it.title or "")  # the line to write on is named by the question
        it.page.keyboard.type("そのうち")
        it.press("Enter")
        it.until(lambda: "お答えを確認できませんでした。もう一度ご入力ください。" in it.said("StaticText"))
        assert "hearing.guidance_start" not in "".join(deployment.events())
        it.press("Control+A")
        it.page.keyboard.type("9月上旬")
        it.click("送る")
        it.until(lambda: "お答えいただき、ありがとうございました。" in it.said("StaticText"))
        it.until_title(None)
    assert deployment.events()[1:] == ["popup.shown", "hearing.guidance_start=2026-09-01/2026-09-10", "popup.answered"]
    assert deployment.story.facts(NOW)["timing"] == "later"
    assert tonight(deployment) == set(), "nobody whose guidance begins in months is written to"


def test_a_choice_is_an_answer(chromium: Browser, deployment: Deployment) -> None:
    with screen(chromium) as it:
        comes_home(it, deployment)
        it.until_title("どちらの採用でお使いになりますか?")
        it.click("中途採用")
        it.until(lambda: deployment.events() == ["popup.shown", "hearing.recruit_kind=mid_career", "popup.answered"])


def test_more_than_one_may_be_chosen(chromium: Browser, deployment: Deployment) -> None:
    known = [("recruit_kind", "new_grad"), ("guidance_start", "2026-06-01")]
    deployment.story.given([a_record(f"hearing.{field}", value=value, at="2026-04-01 10:00") for field, value in known])
    with screen(chromium) as it:
        comes_home(it, deployment)
        it.until_title("いちばんやりたいことはどれですか?")
        it.click("送る")
        it.until(lambda: "お答えを確認できませんでした。もう一度ご入力ください。" in it.said("StaticText"))
        for choice in ("説明会の開催", "日程調整の自動化"):
            it.click(choice)
        it.click("送る")
        it.until(lambda: "hearing.will=|auto_schedule|briefing|" in deployment.events())


def test_later_is_kept_and_nothing_is_asked_again(chromium: Browser, deployment: Deployment) -> None:
    with screen(chromium) as it:
        comes_home(it, deployment)
        it.until_title("どちらの採用でお使いになりますか?")
        it.click("あとで")
        it.until(lambda: deployment.events() == ["popup.shown", "popup.later"])
        comes_home(it, deployment)
        it.page.wait_for_load_state("networkidle")
        assert it.title is None


def test_the_link_opens_the_products_own_screen_and_the_click_is_kept(
    chromium: Browser, product: Product, deployed: Callable[..., Deployment], tmp_path: Path
) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / "workspace" / folder)
    file = tmp_path / "workspace/rules/workspace.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("product_url: https://app.example.jp", f"product_url: {product.url}"), encoding="utf-8")
    deployment = deployed(tmp_path / "workspace")
    deployment.page(path="/settings/initial")
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.goto(deployment.page())
        it.until_title("次は「初期設定」です")
        with it.page.expect_navigation(url=f"{product.url}/settings/initial"):
            it.click("続きの画面を開く")  # in the same tab, as it is the product's own
        it.until(lambda: deployment.events() == ["popup.shown", "popup.clicked"])
        assert it.title is None


def test_a_link_elsewhere_opens_beside_the_page(chromium: Browser, deployment: Deployment) -> None:
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.context.route("https://app.example.jp/**", lambda route: route.fulfill(body="設定"))
        it.page.goto(deployment.page())
        it.until_title("次は「初期設定」です")
        with it.page.context.expect_page() as opened:
            it.click("続きの画面を開く （新しいタブで開きます）")
        assert opened.value.url == "https://app.example.jp/settings/initial"
        assert opened.value.evaluate("opener") is None
        it.until(lambda: deployment.events() == ["popup.shown", "popup.clicked"])


def test_a_token_that_is_over_is_renewed_once(chromium: Browser, deployment: Deployment) -> None:
    system, asked = deployment.story.system, []

    def token() -> str:
        asked.append(1)
        return token_of(system) if len(asked) > 1 else token_of(system).replace(".", ".x", 1)

    deployment.product.gives("/banso-token", token, as_json=True)
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.goto(deployment.page())
        it.until_title("次は「初期設定」です")
        assert len(asked) == 2


def test_who_is_not_let_in_is_left_in_peace(chromium: Browser, deployment: Deployment) -> None:
    deployment.product.gives("/banso-token", lambda: "a.b.c")
    requests: list[Request] = []
    with screen(chromium) as it:
        it.page.on("request", lambda request: requests.append(request) if "next-action" in request.url else None)
        it.page.goto(deployment.page(), wait_until="networkidle")
        it.page.click("#save")
        it.page.wait_for_timeout(2_000)
        assert it.title is None
    assert len(requests) == 1, "the same token once more would be no better"


def test_a_page_may_start_it_itself_and_stop_it_when_somebody_signs_out(chromium: Browser, deployment: Deployment) -> None:
    head = deployment.tag.replace(' data-token-url="/banso-token"', "").replace("async", "defer")
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.goto(deployment.product.shows(deployment.url, head=head))
        assert it.page.evaluate("Object.isFrozen(banso) && Object.keys(banso).join()") == "start,stop,look,focus"
        it.page.evaluate("token => banso.start({ token: async () => token })", token_of(deployment.story.system))
        it.until_title("次は「初期設定」です")
        it.page.evaluate("banso.stop()")
        assert it.title is None


def test_two_tabs_do_not_fight(chromium: Browser, deployment: Deployment) -> None:
    deployment.happens("product.login")
    with screen(chromium) as it:
        other = Screen(it.page.context.new_page())
        for tab in (it, other):
            tab.page.goto(deployment.page())
            tab.until_title("次は「初期設定」です")
        it.click("あとで")
        it.until(lambda: "popup.later" in deployment.events())
        other.page.click("#save")
        other.until_title(None)
        assert deployment.events() == ["popup.shown", "popup.later"]
        assert other.faults == []


@pytest.mark.parametrize(
    "how", ["history.pushState(null, '', '/other')", "banso.look()"], ids=["another screen of a single page", "told by the page"]
)
def test_it_looks_again_when_the_page_changes(chromium: Browser, deployment: Deployment, how: str) -> None:
    with screen(chromium) as it:
        it.page.goto(deployment.page(), wait_until="networkidle")
        it.page.wait_for_timeout(2_000)  # nothing is due for the next seconds
        with it.page.expect_request("**/next-action", timeout=5_000):
            it.page.evaluate(f"() => {{ {how} }}")


def test_a_script_that_was_changed_on_the_way_does_not_run(chromium: Browser, deployment: Deployment) -> None:
    deployment.happens("product.login")
    with screen(chromium) as it:
        it.page.route("**/popup-*.js", lambda route: route.fulfill(body=route.fetch().text() + " ", headers={"Access-Control-Allow-Origin": "*"}))
        it.page.goto(deployment.page(), wait_until="networkidle")
        assert it.page.evaluate("typeof banso") == "undefined"
        assert "integrity" in it.faults.pop(), "and the browser says so"


def test_what_it_asks_for_tells_nothing_of_the_page(chromium: Browser, deployment: Deployment) -> None:
    requests: list[Request] = []
    with screen(chromium) as it:
        it.page.on("request", lambda request: requests.append(request) if "/v1/" in request.url else None)
        deployment.happens("product.login")
        it.page.goto(deployment.page(path="/customers/42") + "?name=tanaka")
        it.until_title("次は「初期設定」です")
        it.until(lambda: deployment.events() == ["popup.shown"])
        assert {(request.method, request.post_data) for request in requests} == {("GET", None), ("POST", None)}
        assert not any({"referer", "cookie"} & set(request.all_headers()) for request in requests)
    assert AZURE not in "".join(request.url for request in requests)
    assert at(NOW) == deployment.story.clock.now()
