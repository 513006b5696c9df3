"""The help site's articles: read with their places, held against the workspace, and those that rules name exist."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.story import SPACE
from tests.workspace.writings import ROOT, workspace

FLOW = "templates/help/video/flow.md"
HEAD = "---\ntitle: 選考フロー\n---\n"
NAMED = {  # what the rules of the small workspace name
    "guide/checklist": "チェックリスト",
    "guide/print": "印刷",
    "usecase/new-grad": "新卒",
    "usecase/mid-career": "中途",
    "video/login": "ログイン",
    "video/basics": "はじめに",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The small workspace with the articles that its rules name."""
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE.parent / "workspace" / "space" / folder, tmp_path / folder)
    for name, title in NAMED.items():
        write(tmp_path, f"templates/help/{name}.md", f"---\ntitle: {title}\n---\n本文です。\n")
    settings = tmp_path / "rules/workspace.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\nuse_cases: {new_grad: 新卒採用}\n", encoding="utf-8")
    return tmp_path


def write(root: Path, file: str, text: str | bytes) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def load(root: Path) -> Workspace:
    return load_workspace(root, frozenset(CHANNELS))


def faults(root: Path) -> list[Fault]:
    with pytest.raises(BansoError) as caught:
        load(root)
    return list(caught.value.faults)


def told(root: Path) -> list[str]:
    return [f"{fault.code} {fault.place}" for fault in faults(root)]


WRONG = {
    "no head": ("選考フロー\n", "E150", "1:1"),
    "a head that does not end": ("---\ntitle: 選考フロー\n本文\n", "E150", "1:1"),
    "an empty head": ("---\n---\n本文\n", "E150", "1:1"),
    "nothing below the head": ("---\ntitle: 選考フロー\n---\n\n", "E150", "1:1"),
    "no title": ("---\nsteps: [first_login]\n---\n本文\n", "E106", "1:1"),
    "a title that is a number": ("---\ntitle: 12\n---\n本文\n", "E310", "2:8"),
    "a key that does not exist": ("---\ntitle: 選考フロー\nminute: 3\n---\n本文\n", "E105", "3:1"),
    "a slip of YAML": ("---\nminutes: 3\ntitle：選考フロー\n---\n本文\n", "E102", "3:6"),
    "a video without https": ("---\ntitle: 選考フロー\nvideo: http://video.example.jp/a\n---\n本文\n", "E309", "3:8"),
    "an unknown step": ("---\ntitle: 選考フロー\nsteps: [first_login, flow]\n---\n本文\n", "E202", "3:22"),
    "an unknown use case": ("---\ntitle: 選考フロー\nuse_cases: [new_grads]\n---\n本文\n", "E219", "3:13"),
    "a title that stands twice": ("---\ntitle: ログイン\n---\n本文\n", "E154", "/login.md:2:8"),
    "a link to no article": (f"{HEAD}\nまず[これ](../guide/chekclist.md)を読みます。\n", "E220", "5:8"),
    "a link to a page without https": (f"{HEAD}[外](http://example.jp)\n", "E220", "4:5"),
    "a link that runs a script": (f"{HEAD}[外](./x)\n", "E220", "4:5"),
    "a picture": (f"{HEAD}\n![画面](screen.png)\n", "E151", "5:7"),
    "a text to copy without a title": (f"{HEAD}```copy\n本文\n```\n", "E152", "4:4"),
    "a text to copy without an end": (f"{HEAD}```copy お礼\n本文\n", "E152", "4:9"),
    "an empty text to copy": (f"{HEAD}```copy お礼\n```\n", "E152", "4:9"),
    "two texts to copy of one title": (f"{HEAD}```copy お礼\nあ\n```\n\n```copy お礼\nい\n```\n", "E152", "8:9"),
    "an attachment that is not there": ("---\ntitle: 選考フロー\nattachments: [{file: a.csv, title: 表}]\n---\n本文\n", "E218", "3:22"),
    "an attachment of another kind": ("---\ntitle: 選考フロー\nattachments: [{file: a.xlsx, title: 表}]\n---\n本文\n", "E153", "3:22"),
    "an attachment elsewhere": ("---\ntitle: 選考フロー\nattachments: [{file: ../../../rules/goals.yaml, title: 表}]\n---\n本文\n", "E153", "3:22"),
    "bytes that are no text": (b"---\ntitle: \x93\xfa\n---\n", "E112", "2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_an_article_is_told_at_its_place(root: Path, name: str) -> None:
    text, code, place = WRONG[name]
    write(root, FLOW, text)
    assert told(root) == [f"{code} templates/help/video{place}" if place.startswith("/") else f"{code} {FLOW}:{place}"]


@pytest.mark.parametrize("file", ["video/Flow", "search", "guide", "動画", "video/.flow"])
def test_a_file_that_cannot_be_an_address_is_told(root: Path, file: str) -> None:
    write(root, f"templates/help/{file}.md", f"{HEAD}本文\n")
    assert told(root) == [f"E155 templates/help/{file}.md"]


def test_an_article_that_a_rule_names_and_nobody_wrote_is_told_at_the_rule(root: Path) -> None:
    for name in ("guide/checklist", "guide/print", "video/login"):
        (root / f"templates/help/{name}.md").unlink()
    found = faults(root)
    assert [(fault.code, fault.place.file, fault.values["name"]) for fault in found] == [
        ("E204", "rules/pull.yaml", "video/login"),
        ("E204", "rules/pull.yaml", "guide/print"),
        ("E204", "rules/push.yaml", "guide/checklist"),
    ]
    assert all(fault.place.line and fault.place.column for fault in found)


def test_an_article_at_fault_is_not_missing_as_well(root: Path) -> None:
    write(root, "templates/help/guide/checklist.md", "---\ntitel: チェックリスト\n---\n本文\n")
    write(root, FLOW, f"{HEAD}[準備](../guide/checklist.md)\n")
    assert told(root) == ["E105 templates/help/guide/checklist.md:2:1"]


def test_where_another_site_has_the_articles_nobody_asks_for_them() -> None:
    yammer = workspace("en")
    assert yammer.articles is None
    assert yammer.settings.help_url == "https://help.banso.example"


def test_a_workspace_without_articles_says_where_they_are(root: Path) -> None:
    settings = root / "rules/workspace.yaml"
    lines = [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("help_url")]
    settings.write_text("\n".join(lines), encoding="utf-8")
    assert load(root).settings.help_url is None, "it has some of its own"
    shutil.rmtree(root / "templates/help")
    assert told(root) == ["E119 rules"]


def test_rules_may_wait_for_what_the_own_site_tells(root: Path) -> None:
    settings = root / "rules/workspace.yaml"
    kept = [line for line in settings.read_text(encoding="utf-8").splitlines() if "events: [help]" not in line]
    source = next(line for line in settings.read_text(encoding="utf-8").splitlines() if "events: [product, help]" in line or "events: [help]" in line)
    settings.write_text(
        "\n".join(kept) if "product" not in source else settings.read_text(encoding="utf-8").replace(", help]", "]"), encoding="utf-8"
    )
    (root / "rules/sources/help.sql").unlink()
    assert load(root).rules


def test_what_an_article_says_is_read(root: Path) -> None:
    write(root, "templates/help/video/list.csv", "\ufeff名前\r\n青空\r\n")
    head = "title: 一覧\nsummary: 1行\nsteps: [first_login]\nuse_cases: [new_grad]\nvideo: https://video.example.jp/1\nminutes: 3\norder: 1\nkeywords: [表]"
    write(root, FLOW, f"---\n{head}\nattachments: [{{file: list.csv, title: 表}}]\n---\n[印刷](../guide/print.md#x)\n\n```copy お礼\nあ\n```\n")
    articles = load(root).articles
    assert articles is not None
    assert next(iter(articles)) == "video/flow", "the smallest order stands first"
    flow = articles["video/flow"]
    assert (flow.title, flow.summary, flow.minutes, flow.video) == ("一覧", "1行", 3, "https://video.example.jp/1")
    assert [(each.file, each.title, each.text) for each in flow.attachments] == [("list.csv", "表", "名前\n青空\n")]
    assert [(each.title, each.text) for each in flow.ready_texts] == [("お礼", "あ\n")]
    assert [name for name, _, _ in flow.links] == ["guide/print"]


def test_a_step_that_no_article_explains_is_a_warning(root: Path) -> None:
    warned = {fault.values["step"] for fault in load(root).warnings if fault.code == "W512"}
    write(root, FLOW, "---\ntitle: 入口\nsteps: [first_login]\nwhy: 探さずに入れます。\n---\n本文\n")
    left = {fault.values["step"] for fault in load(root).warnings if fault.code == "W512"}
    assert warned - left == {load(root).route.steps["first_login"].label}


# --- the articles of the example -----------------------------------------------------------------------------------------


def test_the_example_has_eight_texts_to_copy_and_more() -> None:
    articles = workspace("ja").articles
    assert articles is not None
    titles = [each.title for article in articles.values() for each in article.ready_texts]
    assert len(titles) >= 8
    assert len(set(titles)) == len(titles)
    assert {"説明会のご案内", "応募へのお礼", "面接日程のご案内", "内定のご連絡"} <= set(titles)


def test_every_article_of_the_example_keeps_the_manners() -> None:
    from tests.workspace.test_conventions import INNER_WORDS

    for name, article in (workspace("ja").articles or {}).items():
        assert article.summary.endswith("。"), name
        assert article.minutes, name
        assert not any(word in f"{article.title}{article.summary}{article.why}{article.text}" for word in INNER_WORDS), name
        assert len(article.title) <= 30, name


def test_every_use_case_of_the_example_has_articles() -> None:
    space = workspace("ja")
    used = {each for article in (space.articles or {}).values() for each in article.use_cases}
    assert used == set(space.settings.use_cases)


def test_the_article_in_the_manual_is_a_good_one(root: Path) -> None:
    manual = (ROOT / "docs/help.md").read_text(encoding="utf-8")
    text = manual.partition("````markdown\n")[2].partition("````")[0].replace("[start, new_grad]", "[new_grad]")
    write(root, FLOW, text)
    write(root, "templates/help/video/help.md", "---\ntitle: 使い方\n---\n本文\n")
    write(root, "templates/help/video/checklist.csv", "区分\n")
    flow = (load(root).articles or {})["video/flow"]
    assert [each.title for each in flow.ready_texts] == ["応募へのお礼"]
    assert flow.keywords == ("ステップ", "段階")
