"""`banso mail take`, `replies` and `receive`, and the key that reports are signed with."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.said import BAD_USAGE, FINE, Banso


def test_messages_are_taken_by_hand_and_each_is_told(banso: Banso, tmp_path: Path, language: str) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    (folder / "1.eml").write_bytes(b"From: sato@firm.example\r\nSubject: x\r\n\r\nhi\r\n")
    (folder / "2.eml").write_bytes(b"")
    told = banso("mail", "take", str(folder), language=language)
    assert told.code == FINE
    assert ("こちらのメールを指していない" if language == "ja" else "names none of our letters") in told.out
    found = json.loads(banso("mail", "take", str(folder), "--json").out)
    assert [(Path(each["file"]).name, each["word"], each["reason"]) for each in found] == [
        ("1.eml", "aside", "not_ours"),
        ("2.eml", "aside", "no_head"),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["1.eml", "2.eml"], "they stay where they are"


def test_what_is_not_there_cannot_be_taken(banso: Banso) -> None:
    assert banso("mail", "take", "nowhere.eml").code == BAD_USAGE


def test_nobody_wrote_back(banso: Banso, language: str) -> None:
    assert banso("mail", "replies", language=language).code == FINE
    assert json.loads(banso("mail", "replies", "--json").out) == []


def test_a_receiver_must_know_where_to_listen(banso: Banso, language: str) -> None:
    assert banso("mail", "receive", language=language).refuses("E674")


def test_the_doctor_and_the_status_tell_of_what_came_back(banso: Banso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    (tmp_path / "1.eml").write_bytes(b"From: sato@firm.example\r\n\r\nhi\r\n")
    banso("mail", "take", str(tmp_path / "1.eml"))
    said = banso("doctor", language=language).out
    assert ("今週の保管: not_ours が 1 件" if language == "ja" else "kept aside this week: 1 x not_ours") in said
    assert "mail" in banso("ops", "status", language=language).out
    monkeypatch.setenv("BANSO_MAIL_DROP", str(tmp_path / "nowhere"))
    assert "no_maildir" in banso("doctor", "--json").out


def test_the_secret_of_reports_has_the_form_of_the_specification(banso: Banso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert banso("key", "new", "esp", "--scope", "feedback").refuses("E634")
    (tmp_path / "secret").write_text("ab" * 32 + "\n", encoding="utf-8")
    monkeypatch.setenv("BANSO_SECRET_FILE", str(tmp_path / "secret"))
    made = json.loads(banso("key", "new", "esp", "--scope", "feedback", "--json").out)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["key"])
