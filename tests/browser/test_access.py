"""Everybody can use it: by keyboard alone, with a screen reader, on a narrow screen, much enlarged, in the dark; and nobody is disturbed."""

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.product import Product
from tests.browser.screen import Part, Screen, screen
from tests.browser.stand_in import StandIn, a_question, an_action, says

NEXT = an_action(link={"label": "続きの画面を開く", "url": "https://app.example.jp/settings"})
KIND = a_question("one", new_grad="新卒採用", mid_career="中途採用")
HOSTILE = """* { color: red !important; font-size: 40px !important; display: none; }
html, body { display: block; transform: none; } banso-popup { display: none !important; width: 5px !important; opacity: 0 !important; }"""
TEXT_CONTRAST, EDGE_CONTRAST = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11


def opens(it: Screen, product: Product, stand_in: StandIn, action: object, **more: str) -> None:
    stand_in.reply = says(action)
    it.page.goto(product.shows(stand_in.url, head=stand_in.tag() + more.pop("head", ""), **more))
    it.until(it.parts)


def test_it_is_a_dialog_that_announces_itself_and_takes_nothing(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        it.page.goto(product.shows(stand_in.url, head=stand_in.tag()))
        it.page.click("#company")
        it.page.keyboard.type("青")
        stand_in.reply = says(NEXT)
        it.until(it.parts)
        dialog = it.parts()[0]
        assert (dialog.role, dialog.name, dialog.properties["modal"]) == ("dialog", "次は「初期設定」です", False)
        it.until(lambda: it.heard() == "ご案内: 次は「初期設定」です")
        it.page.keyboard.type("空")
        assert it.page.input_value("#company") == "青空", "whoever is writing goes on writing"
        assert it.focused() is None
        it.until(lambda: it.heard() == "")


def test_by_keyboard_alone_it_is_reached_used_and_left(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, KIND)
        it.page.focus("#save")
        reached = []
        for _ in range(4):
            it.press("Tab")
            focused = it.focused()
            reached.append(focused.name if focused else None)
        assert reached == ["閉じる", "新卒採用", "中途採用", "あとで"]
        it.press("Shift+Tab", "Enter")
        it.until(lambda: ("q-one", "answered", "mid_career") in stand_in.told)
        stand_in.reply = says(None)
        it.until(lambda: not it.parts())
        assert it.page.evaluate("document.activeElement.id") == "save", "he is back where he was"


def test_escape_means_later_and_gives_the_keyboard_back(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, NEXT)
        it.page.focus("#company")
        it.press("Escape")
        assert it.parts(), "outside of it, Escape is the page's"
        it.page.evaluate("banso.focus()")
        it.press("Escape")
        it.until(lambda: "later" in stand_in.words())
        assert not it.parts()
        assert it.page.evaluate("document.activeElement.id") == "company"


def test_what_is_written_in_it_is_no_shortcut_of_the_page(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, a_question("text"))
        it.page.evaluate("document.addEventListener('keydown', (e) => { document.title += e.key })")
        it.click("お聞かせください")
        it.page.keyboard.type("jk")
        it.click("送る")
        it.until(lambda: ("q-text", "answered", "jk") in stand_in.told)
        assert it.page.title() == "採用ナビ"


FORMS = {
    "one": (a_question("one", a="新卒", b="中途"), ["新卒"], "a"),
    "yes_no": (a_question("yes_no", true="はい", false="いいえ"), ["いいえ"], "false"),
    "many": (a_question("many", a="新卒", b="中途", c="短期"), ["新卒", "短期", "送る"], ["a", "c"]),
    "number": (a_question("number"), ["お聞かせください", "１２", "送る"], "１２"),
    "date": (a_question("date"), ["お聞かせください", "3月上旬", "送る"], "3月上旬"),
    "text": (a_question("text"), ["お聞かせください", "とても助かります", "送る"], "とても助かります"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_question_is_answered_and_thanked_for(chromium: Browser, product: Product, stand_in: StandIn, form: str) -> None:
    action, steps, value = FORMS[form]
    with screen(chromium) as it:
        opens(it, product, stand_in, action)
        assert "あとで" in it.said("button")
        for step in steps:
            if step in it.said("button", "checkbox", "textbox"):
                it.click(step)
            else:
                it.page.keyboard.type(step)
        it.until(lambda: (action["id"], "answered", value) in stand_in.told)
        it.until(lambda: "ありがとうございました。" in it.said("StaticText"))
        it.until(lambda: not it.parts())
        assert stand_in.words() == ["shown", "answered"]


def test_an_answer_that_cannot_be_sent_is_not_lost(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, a_question("text"))
        stand_in.status = 503
        it.click("お聞かせください")
        it.page.keyboard.type("とても助かります")
        it.click("送る")
        it.until(lambda: "送れませんでした。" in it.said("StaticText"))
        stand_in.status = 200
        it.click("送る")
        it.until(lambda: "ありがとうございました。" in it.said("StaticText"))
        assert [value for _, word, value in stand_in.told if word == "answered"] == ["とても助かります"] * 2


def test_an_answer_that_came_too_late_ends_it(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, KIND)
        it.until(lambda: stand_in.words() == ["shown"])
        stand_in.status, stand_in.reply = 410, says(None)
        it.click("新卒採用")
        it.until(lambda: not it.parts())


def test_nothing_is_taken_from_under_the_fingers(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        opens(it, product, stand_in, a_question("text"))
        it.click("お聞かせください")
        it.page.keyboard.type("と")
        asked = len(stand_in.asked)
        stand_in.reply = says(NEXT)
        it.page.evaluate("banso.look()")
        it.until(lambda: len(stand_in.asked) > asked)
        it.page.wait_for_load_state("networkidle")
        assert it.title == "お聞かせください"


def test_it_counts_as_shown_only_where_it_is_seen(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        stand_in.reply = says(NEXT)
        it.page.add_init_script("window.hidden = true; Object.defineProperty(document, 'hidden', { get: () => window.hidden })")
        it.page.goto(product.shows(stand_in.url, head=stand_in.tag()), wait_until="networkidle")
        assert (len(stand_in.asked), stand_in.told) == (0, []), "a tab in the background asks nothing"
        it.page.evaluate("window.hidden = false; document.dispatchEvent(new Event('visibilitychange'))")
        it.until(lambda: stand_in.words() == ["shown"])


SIZES = {"narrow": (320, 568), "enlarged four times": (320, 256), "wide": (1280, 720)}


@pytest.mark.parametrize("size", SIZES)
def test_all_of_it_can_be_reached_on_any_screen(chromium: Browser, product: Product, stand_in: StandIn, size: str) -> None:
    width, height = SIZES[size]
    long = a_question("many", a="日程調整の自動化", b="説明会の開催", c="応募者情報の一元管理", d="a" * 90)
    with screen(chromium, viewport={"width": width, "height": height}, reduced_motion="reduce") as it:
        opens(it, product, stand_in, long)
        dialog = it.parts()[0]
        left, top, right, bottom = it.box(dialog)
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width, "the page does not begin to scroll sideways"
        it.page.focus("#save")
        for _ in range(7):
            it.press("Tab")
            it.page.wait_for_timeout(100)
            focused = it.until(it.focused)
            box = it.box(focused)
            assert left <= box[0] < box[2] <= right, f"{focused.name} stands beside it"
            assert top - 1 <= box[1] < box[3] <= bottom + 1, f"{focused.name} is not scrolled to"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_page_is_and_can_be_read(chromium: Browser, product: Product, stand_in: StandIn, scheme: str) -> None:
    meta = '<meta name="color-scheme" content="light dark">'
    with screen(chromium, color_scheme=scheme) as it:
        opens(it, product, stand_in, {**KIND, "link": NEXT["link"]}, head=meta)
        dialog = it.parts()[0]
        paper, edge = it.looks(dialog, "background-color", "border-top-color")
        assert (luminance(paper) < 0.1) == (scheme == "dark")
        assert contrast(edge, paper) >= EDGE_CONTRAST
        for part in (each for each in it.parts() if each.role in {"heading", "paragraph", "button", "link"}):
            ink, behind = it.looks(part, "color", "background-color")
            assert contrast(ink, paper if behind == "rgba(0, 0, 0, 0)" else behind) >= TEXT_CONTRAST, part.name


def test_a_page_that_is_only_light_gets_no_dark_popup(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium, color_scheme="dark") as it:
        opens(it, product, stand_in, NEXT)
        assert luminance(*it.looks(it.parts()[0], "background-color")) > 0.9


@pytest.mark.parametrize(("wish", "moves"), [("reduce", "none"), ("no-preference", "come")])
def test_it_moves_only_for_those_who_do_not_mind(chromium: Browser, product: Product, stand_in: StandIn, wish: str, moves: str) -> None:
    with screen(chromium, reduced_motion=wish) as it:
        opens(it, product, stand_in, NEXT)
        assert it.looks(it.parts()[0], "animation-name") == (moves,)


def test_styles_of_the_page_do_not_reach_it(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    def seen(it: Screen) -> list[tuple[str, tuple[float, ...], tuple[str, ...]]]:
        parts: list[Part] = [each for each in it.parts() if each.role in {"dialog", "heading", "button", "link"}]
        return [(each.name, it.box(each), it.looks(each, "color", "font-size", "opacity", "display")) for each in parts]

    policy = "default-src 'none'; script-src {api}; connect-src {api}; style-src 'unsafe-inline'"
    with screen(chromium, reduced_motion="reduce") as plain:
        opens(plain, product, stand_in, NEXT)
        alone = seen(plain)
    with screen(chromium, reduced_motion="reduce") as it:
        opens(it, product, stand_in, NEXT, head=f"<style>{HOSTILE}</style>", policy=policy)
        assert seen(it) == alone


def test_a_page_left_alone_asks_nothing(chromium: Browser, product: Product, stand_in: StandIn) -> None:
    with screen(chromium) as it:
        it.page.clock.install()
        it.page.goto(product.shows(stand_in.url, head=stand_in.tag()), wait_until="networkidle")
        for _ in range(60):
            it.page.clock.fast_forward(60_000)
            it.page.wait_for_timeout(30)
        hour = len(stand_in.asked)
        assert hour <= 6, "a few times at the beginning"
        for _ in range(5):
            it.page.clock.fast_forward(60_000)
            it.page.wait_for_timeout(30)
        assert len(stand_in.asked) == hour
        it.page.click("#save")
        it.page.clock.fast_forward(1_500)
        it.until(lambda: len(stand_in.asked) > hour)


def rgb(color: str) -> list[float]:
    red, green, blue, *rest = (float(each) for each in re.findall(r"[\d.]+", color))
    assert not rest or rest[0] == 1, color
    return [red / 255, green / 255, blue / 255]


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
