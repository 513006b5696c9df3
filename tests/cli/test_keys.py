"""`banso key`: a key is shown once, listed without itself, and ended."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.said import BAD_USAGE, FINE, Banso
from web.script import tag


def test_a_key_is_shown_once_listed_and_revoked(banso: Banso, language: str) -> None:
    made = banso("key", "new", "app-2026-04", "--source", "product", "--source", "hearing", "--as", "tanaka", language=language)
    (secret,) = re.findall(r"^bk_[\w-]{43}$", made.out, re.MULTILINE)
    assert made.code == FINE
    shown = banso("key", "list", language=language).out
    assert "app-2026-04" in shown
    assert "product hearing" in shown
    assert secret not in shown + banso("key", "list", "--json").out
    assert banso("key", "revoke", "app-2026-04", language=language).code == FINE
    (listed,) = json.loads(banso("key", "list", "--json").out)
    assert (listed["name"], listed["scopes"], listed["created_by"], listed["revoked_at"] is not None) == ("app-2026-04", ["ingest"], "tanaka", True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("new", "app", "--source", "product"), "E653"),
        (("new", "other", "--source", "prodct"), "E656"),
        (("new", "other", "--source", "product", "--scope", "admin"), "E654"),
        (("new", "other", "--scope", "popup"), "E634"),
        (("revoke", "nobody"), "E655"),
    ],
    ids=["a name twice", "an unknown source", "an unknown scope", "for popups without our own secret", "what is not in force"],
)
def test_what_cannot_be_is_refused_with_what_to_do(banso: Banso, words: tuple[str, ...], code: str, language: str) -> None:
    assert banso("key", "new", "app", "--source", "product").code == FINE
    assert banso("key", *words, language=language).refuses(code)


def test_a_key_for_events_says_which_source(banso: Banso) -> None:
    said = banso("key", "new", "app")
    assert said.code == BAD_USAGE
    assert "--source" in said.err


def test_the_secret_for_popups_is_made_from_ours_and_the_name(banso: Banso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("ab" * 32 + "\n", encoding="utf-8")
    monkeypatch.setenv("BANSO_SECRET_FILE", str(tmp_path / "secret"))
    first = json.loads(banso("key", "new", "app", "--scope", "popup", "--json").out)
    second = json.loads(banso("key", "new", "app-2", "--scope", "popup", "--json").out)
    assert re.fullmatch(r"ps_[0-9a-f]{64}", first["key"])
    assert first["key"] != second["key"]


def test_with_the_secret_comes_the_line_for_the_pages(banso: Banso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    (tmp_path / "secret").write_text("ab" * 32 + "\n", encoding="utf-8")
    monkeypatch.setenv("BANSO_SECRET_FILE", str(tmp_path / "secret"))
    assert "banso popup tag" in banso("key", "new", "app", "--scope", "popup", language=language).out
    assert banso("popup", "tag", language=language).refuses("E657")
    monkeypatch.setenv("BANSO_PUBLIC_URL", "https://u.example.jp/b")
    line = tag("https://u.example.jp/b")
    assert line.startswith('<script async src="https://u.example.jp/b/popup-')
    assert line in banso("popup", "tag", language=language).out.splitlines()
    assert line in banso("key", "new", "app-2", "--scope", "popup", language=language).out.splitlines()
    assert json.loads(banso("popup", "tag", "--json").out) == {"tag": line}
