"""Search: what people type is found in what was written, however it is written, and nothing else is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.help.folding import fold, folded, terms_of
from engine.help.search import Index
from engine.workspace.model import Article
from tests.workspace.writings import workspace

SAME = {
    "half width": ("ｻｰﾊﾞｰ", "サーバー"),
    "voiced marks on their own": ("カ\u3099イト\u3099", "ガイド"),
    "hiragana": ("さーばー", "サーバー"),
    "without the long mark": ("サーバ", "サーバー"),
    "a dash for the long mark": ("サ-バ-", "サーバー"),
    "full width letters": ("ＰＤＦ", "pdf"),
    "full width digits": ("２０２６", "2026"),
    "an old form": ("髙﨑", "高崎"),
    "another old form": ("渡邊", "渡辺"),
    "a company in one sign": ("㈱青空", "(株)青空"),
    "capitals": ("QRコード", "qrコード"),
}


def article(name: str, title: str = "題", text: str = "", **more: object) -> Article:
    return Article(name, title, text, **more)  # type: ignore[arg-type]  # the tests name fields of it


def names(index: Index, query: str) -> list[str]:
    return [hit.article.name for hit in index.search(query).hits]


@pytest.mark.parametrize("case", SAME)
def test_two_ways_of_writing_are_one_word(case: str) -> None:
    typed, written = SAME[case]
    assert fold(typed) == fold(written)
    for one, other in ((typed, written), (written, typed)):
        index = Index([article("a", text=f"まず{one}を見ます。"), article("b", text="別の話です。")])
        assert names(index, other) == ["a"]
        marked = [passage.text for passage in index.search(other).hits[0].excerpt if passage.hit]
        assert marked == [one], "the hit is shown as it was written"


def test_two_characters_are_found_wherever_they_stand() -> None:
    assert names(Index([article("a", text="最終面接日程です。"), article("b", text="面と接点")]), "面接") == ["a"]


def test_every_word_is_wanted() -> None:
    index = Index([article("a", text="面接の日程"), article("b", text="面接の評価"), article("c", text="日程の話")])
    assert names(index, "面接 日程") == names(index, "日程\u3000面接") == ["a"]


def test_the_title_goes_before_a_heading_and_a_heading_before_the_text() -> None:
    index = Index(
        [article("text", text="面接です。面接です。面接です。"), article("heading", text="## 面接\nほか"), article("title", "面接", "ほか")]
    )
    assert names(index, "面接") == ["title", "heading", "text"]


def test_keywords_are_found_and_equal_ones_keep_the_order_of_the_site() -> None:
    index = Index([article("b", text="ほか", keywords=("お祈り",)), article("a", text="ほか", keywords=("お祈り",))])
    assert names(index, "お祈り") == ["b", "a"]


def test_a_word_that_stands_nowhere_is_taken_apart() -> None:
    index = Index([article("a", text="面接の日程"), article("b", text="説明会の席")])
    found = index.search("面接日程")
    assert ([hit.article.name for hit in found.hits], found.terms) == (["a"], ("面接", "日程"))
    assert names(index, "説明会に申し込みたいのですが") == ["b"]


@pytest.mark.parametrize("query", ["", " \u3000", "ー", "zzzz", "です", "に", "\u0000", "(", ".*", "\\"])
def test_what_is_no_word_finds_nothing_by_chance(query: str) -> None:
    index = Index([article("a", text="面接の日程ですね")])
    assert names(index, query) == (["a"] if query == "です" else [])


def test_marks_of_markdown_are_not_found_and_not_shown() -> None:
    index = Index(
        [article("a", text="## 見出し\n\n**太字**の[ことば](../b.md)と`記号`\n\n| 表 | 値 |\n|---|---|\n| 1 | 2 |\n\n```copy 題名\n写す文\n```\n")]
    )
    assert not any(names(index, query) for query in ("**", "../b", "---", "```"))
    shown = "".join(passage.text for passage in index.search("太字").hits[0].excerpt)
    assert "太字のことばと記号" in shown
    assert names(index, "写す文") == names(index, "題名") == ["a"]


def test_ways_that_people_ask_the_example() -> None:
    index = Index((workspace("ja").articles or {}).values())
    for query, wanted in {
        "不採用": "template/rejection",
        "お祈りメール": "template/rejection",
        "日程調整": "steps/interview-slots",
        "ﾊﾟｽﾜｰﾄﾞ": "video/basics",
        "引継ぎ 異動": "guide/takeover",
        "内定の連絡": "template/offer",
        "カレンダー連携": "steps/interview-slots",
        "説明会　お礼": "template/briefing-thanks",
        "ＰＤＦ": "guide/print",
    }.items():
        assert wanted in names(index, query)[:3], (query, names(index, query)[:3])


PIECES = ["面", "接", "日", "程", "ー", "サ", "ハ\uff9e", "ﾊ\uff9e", "が", "か\u3099", "髙", "A", "㈱", "㌢", " ", "1", "\u3000", "é", "e\u0301"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFKC", text)) == fold(text)


@given(TEXTS)
def test_every_folded_character_knows_where_it_stood(text: str) -> None:
    found = folded(text)
    assert len(found.places) == len(found.text) + 1
    assert list(found.places) == sorted(found.places)
    assert found.text == fold(text)


@given(TEXTS, TEXTS, TEXTS)
def test_a_piece_of_a_text_is_found_in_it(before: str, piece: str, behind: str) -> None:
    terms = terms_of(piece)
    index = Index([article("a", text=f"x{before} {piece} {behind}".replace("`", ""))])
    if terms and all(term in fold(f"x{before} {piece} {behind}") for term in terms):
        hits = index.search(piece).hits
        assert [hit.article.name for hit in hits] == ["a"]


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_excerpts_are_pieces_of_what_was_written(texts: list[str], query: str) -> None:
    articles = [article(str(number), text=text) for number, text in enumerate(texts)]
    for hit in Index(articles).search(query).hits:
        assert all(passage.text for passage in hit.excerpt)
        assert all(fold(passage.text) for passage in hit.excerpt if passage.hit)
