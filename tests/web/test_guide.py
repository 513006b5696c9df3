"""The introduction guide: for everybody, and for one company with what it has done and the way to what is left."""

import io
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdf
import pytest
import segno

from engine.channels.mail.tags import reader_token
from engine.cli.app import main
from engine.help.guide import guide_of, qr_code
from engine.pipeline.guide import guide_for, paper_of
from engine.pipeline.postal import deployment_of
from tests.builders import AZURE, a_customer, a_record, at
from tests.story import ROOT, Story
from tests.web.door import Web, records_of

NOW = "2026-04-07 10:00"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Aozora hires people who change their job, and has done the first settings."""
    story = Story(tmp_path, workspace=ROOT)
    (tmp_path / "secret").write_text(secrets.token_hex(32), encoding="utf-8")
    story.config = story.config.model_copy(update={"secret_file": tmp_path / "secret"})
    story.restart()
    story.clock.set(at(NOW))
    story.given(a_customer(), a_record("product.login", at="2026-04-02 10:00"), a_record("product.settings_completed", at="2026-04-03 10:00"))
    story.given(a_record("hearing.recruit_kind", value="mid_career", at="2026-04-03 10:00"))
    story.heard(NOW)
    yield story
    story.close()


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def reader(story: Story) -> str:
    """The token in the link of a mail that Aozora got."""
    story.nightly("2026-04-13 02:00")
    secret = deployment_of(story.config).secret
    assert secret is not None
    return reader_token(secret, story.touches()[0].id)


def test_the_guide_for_everybody_has_every_step_in_order_and_says_of_nothing_that_it_is_done(story: Story) -> None:
    page = Web(story.system).ask("GET", "/help/guide").text
    labels = [step.label for step in story.system.workspace.route.steps.values()]
    assert re.findall(r'<h2 id="step\d+">\d+\. ([^<]+)</h2>', page) == labels
    assert "済み" not in page
    assert "<svg" not in page
    assert 'href="video/flow"' in page
    assert len(re.findall(r"<figcaption>", page)) >= 8


def test_a_companys_guide_ticks_what_is_done_and_leads_to_what_is_open(story: Story) -> None:
    guide = guide_for(story.system, AZURE, at(NOW))
    assert guide.company == "株式会社青空"
    assert [(step.label, step.done) for step in guide.steps][:6] == [
        ("申込", True),
        ("アカウント発行", True),
        ("ログイン", True),
        ("初期設定", True),
        ("選考フローの設計", False),
        ("面接の案内", False),
    ]
    assert len(guide.steps) == 10, "a company without briefings is not told of them"
    assert guide.done == 4


def test_a_reader_sees_the_guide_of_his_company(story: Story) -> None:
    answer = Web(story.system).ask("GET", f"/help/guide?reader={reader(story)}")
    assert answer.headers["cache-control"] == "no-store"
    assert "株式会社青空 様" in answer.text
    assert (answer.text.count("☑ 済み"), answer.text.count("☐ これから")) == (4, 6)
    assert answer.text.count("<svg") == 6
    assert "style=" not in answer.text
    assert "guide.pdf?reader=" in answer.text
    assert "help.viewed" not in {each.event for each in records_of(story.system, AZURE)}, "the guide is no article"


def test_the_guide_on_paper_reads_as_it_should(story: Story, golden: Callable[[str, str], None]) -> None:
    pdf = paper_of(story.system.workspace, guide_for(story.system, AZURE, at(NOW)))
    golden("guide.txt", text_of(pdf) + "\n")
    assert paper_of(story.system.workspace, guide_for(story.system, AZURE, at(NOW))) == pdf, "made twice it is the same"


def test_the_fonts_of_the_paper_are_in_it(story: Story) -> None:
    document = pypdf.PdfReader(io.BytesIO(paper_of(story.system.workspace, guide_of(story.system.workspace))))
    assert document.metadata is not None
    assert document.metadata.title == "株式会社採用ナビ 導入ガイド"
    fonts = [font.get_object() for page in document.pages for font in page["/Resources"]["/Font"].values()]
    for font in fonts:
        (inner,) = font["/DescendantFonts"]
        descriptor = inner.get_object()["/FontDescriptor"].get_object()
        assert "NotoSansJP" in descriptor["/FontName"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), "no machine has to know it"


def test_the_paper_is_served_to_everybody_and_to_one_company(story: Story) -> None:
    token, web = reader(story), Web(story.system)
    anyone = web.ask("GET", "/help/guide.pdf")
    mine = web.ask("GET", f"/help/guide.pdf?reader={token}")
    assert anyone.headers["content-type"] == mine.headers["content-type"] == "application/pdf"
    assert (anyone.headers["cache-control"], mine.headers["cache-control"]) == ("public, max-age=300", "no-store")
    assert "株式会社青空" in squeezed(text_of(mine.content))
    assert "株式会社青空" not in squeezed(text_of(anyone.content))
    forged = web.ask("GET", f"/help/guide.pdf?reader={'0' * 32}.{'0' * 32}")
    assert forged.content == anyone.content


def test_what_stands_in_texts_is_never_read_as_layout(story: Story) -> None:
    from dataclasses import replace

    from engine.workspace.model import ReadyText

    guide = guide_of(story.system.workspace)
    odd = '#panic("x") $1 * _a_ <b> @c ``` \\ "'
    steps = [replace(step, label=odd, what=odd, why=odd) for step in guide.steps]
    text = text_of(paper_of(story.system.workspace, replace(guide, company=odd, steps=steps, ready_texts=[ReadyText(odd, odd)])))
    assert squeezed(text).count(squeezed(odd)) >= 3 * len(steps)


def test_a_code_leads_to_its_screen() -> None:
    url = "https://app.example.jp/flows/edit"
    code = qr_code(url)
    drawn = re.search(r'd="([^"]+)"', segno.make_qr(url, error="m").svg_inline(border=2, omitsize=True))
    assert drawn is not None
    assert drawn[1] in code
    assert 'viewBox="0 0 33 33"' in code, "version 3, with its quiet margin, so that a telephone reads it at 24 mm"


@pytest.mark.parametrize("account", [[], [AZURE]], ids=["everybody", "one company"])
def test_the_command_writes_the_same_guide(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], account: list[str]) -> None:
    place = ["-w", str(ROOT), "--state", str(story.config.state_folder), "--lang", "ja", "guide", *account, "--at", "2026-04-07T10:00"]
    assert main([*place, "--pdf", str(tmp_path / "g.pdf")]) == 0
    assert "手順" in capsys.readouterr().out
    made = paper_of(story.system.workspace, guide_for(story.system, account[0] if account else None, at(NOW)))
    assert (tmp_path / "g.pdf").read_bytes() == made
    assert main([*place, "--html", str(tmp_path / "g.html")]) == 0
    page = (tmp_path / "g.html").read_text(encoding="utf-8")
    assert "選考フローの設計" in page
    assert '<link rel="stylesheet"' not in page, "the file needs nothing else"
    assert ("株式会社青空 様" in page) == bool(account)


def test_an_account_of_which_nobody_heard_has_no_guide(story: Story, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = ["-w", str(ROOT), "--state", str(story.config.state_folder), "--lang", "en"]
    assert main([*place, "guide", "nobody", "--pdf", str(tmp_path / "g.pdf")]) == 1
    assert "E640" in capsys.readouterr().err
    assert not (tmp_path / "g.pdf").exists()
