"""The five things the law wants in an advertising mail are found by what they are: every one of them is missed when it is not there."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError
from engine.messages import Language
from engine.workspace.legal import ITEMS, missing_items
from engine.workspace.load import load_workspace
from engine.workspace.model import MailSource
from tests.story import SPACE

TEXT = "{{ imprint.legal_name }}\n{{ imprint.postal_address }}\n{{ imprint.complaints }}\n配信停止はこちら\n{{ imprint.refuse }}\n"
MJML = f"<mj-text>{TEXT}</mj-text>"


def missing(mjml: str = MJML, text: str = TEXT, language: Language = "ja") -> tuple[str, ...]:
    return missing_items(MailSource("mail/x", "件名", mjml, text), language)


def test_a_whole_mail_lacks_nothing() -> None:
    assert missing() == ()
    assert missing(MJML.replace("配信停止", "Unsubscribe"), TEXT.replace("配信停止", "To opt out"), "en") == ()


@pytest.mark.parametrize("form", ["mjml", "text"])
@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        pytest.param("{{ imprint.legal_name }}", "株式会社青空", ("legal_name",), id="a name typed in by hand, which no other workspace has"),
        pytest.param("{{ imprint.postal_address }}", "", ("postal_address",), id="no address"),
        pytest.param("{{ imprint.complaints }}", "{% if done %}{{ imprint.complaints }}{% endif %}", ("complaints",), id="shown to some only"),
        pytest.param("{{ imprint.complaints }}", "{{ imprint.complaints if done else '' }}", ("complaints",), id="shown to some only, in one line"),
        pytest.param("{{ imprint.complaints }}", "{# {{ imprint.complaints }} #}", ("complaints",), id="in a comment"),
        pytest.param("{{ imprint.refuse }}", "", ("refuse", "refusing"), id="nowhere to refuse"),
        pytest.param("配信停止はこちら", "", ("refusing",), id="an address, and nothing says what it is for"),
        pytest.param("配信停止はこちら", "配信停止" + "あ" * 300, ("refusing",), id="a sentence far from the address"),
    ],
)
def test_what_is_missing_in_either_form_is_missing(form: str, old: str, new: str, lacking: tuple[str, ...]) -> None:
    mjml, text = (MJML.replace(old, new), TEXT) if form == "mjml" else (MJML, TEXT.replace(old, new))
    assert missing(mjml, text) == lacking


def test_words_of_another_language_are_no_sentence() -> None:
    assert missing(language="en") == ("refusing",)


@pytest.mark.parametrize(("service", "codes"), [(False, {"E214"}), (True, set())])
def test_only_advertising_needs_them(tmp_path: Path, service: bool, codes: set[str]) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, tmp_path / folder)
    layout = tmp_path / "templates/mail/layout.txt"
    layout.write_text(layout.read_text(encoding="utf-8").replace("{{ imprint.postal_address }}", ""), encoding="utf-8")
    if service:
        for path in (tmp_path / "rules").glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            text = text.replace("{send: mail,", "{send: mail, service: true,").replace(
                "      send: mail\n", "      send: mail\n      service: true\n"
            )
            path.write_text(text, encoding="utf-8")
    found = set()
    try:
        load_workspace(tmp_path, frozenset(CHANNELS))
    except BansoError as error:
        found = {fault.code for fault in error.faults}
    assert found == codes


def test_there_are_five() -> None:
    assert len(ITEMS) == 5
