"""The catalogue against the code: equal in both languages, complete, and nothing in it that nobody says."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from engine.cli.app import whole
from engine.decision.gates import REASONS
from engine.detail import detail, parts_of
from engine.messages import LANGUAGES, Language, catalogue, say_detail, say_fault, say_reason
from engine.touches.touch import State

ROOT = Path(__file__).parents[2]
CODE_FOLDERS = ("engine", "web", "workers")
CODE = re.compile(r"[EW][0-9]{3}\Z")
FALLBACK = "E000"  # what is said of a code without words; nobody raises it
FREE = ("near", "nothing")  # said by the catalogue itself
SAYERS = {"say", "progress", "note"}  # functions whose argument is a key


def entries() -> list[tuple[str, str, str]]:
    """(key, sentence in ja, sentence in en); a fault is three of them."""
    found = []
    for key, english in catalogue("en").items():
        japanese = catalogue("ja").get(key)
        if isinstance(english, str):
            assert isinstance(japanese, str), key
            found.append((key, japanese, english))
        else:
            assert isinstance(japanese, Mapping), key
            found += [(f"{key} {part}", japanese[part], english[part]) for part in ("what", "why", "fix")]
    return found


@cache
def constants() -> list[tuple[Path, ast.AST]]:
    files = sorted(file for folder in CODE_FOLDERS for file in (ROOT / folder).rglob("*.py"))
    return [(file, node) for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]


@cache
def raised() -> set[str]:
    """Every text that looks like a code, outside of docstrings; the sets that only sort codes hold no others."""
    return {node.value for _, node in constants() if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value)}


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def keys_said() -> tuple[set[str], set[str]]:
    """Keys written out in a call, and the beginnings of those put together (`reason.{name}`)."""
    whole, beginnings = set(), set()
    for _, node in constants():
        if called(node) not in SAYERS or not isinstance(node, ast.Call):
            continue
        for part in (each for argument in node.args for each in ast.walk(argument)):
            if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
                beginnings.add(str(part.values[0].value))
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", part.value):
                whole.add(part.value)
    return whole, beginnings


def test_both_languages_have_the_same_keys() -> None:
    assert set(catalogue("ja")) == set(catalogue("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice(language: Language) -> None:
    lines = (ROOT / "engine/messages" / f"{language}.yaml").read_text(encoding="utf-8").splitlines()
    keys = [line.split(":")[0] for line in lines]
    assert [key for key in keys if keys.count(key) > 1] == []


def test_both_languages_fill_in_the_same_values() -> None:
    def values(sentence: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}

    assert [key for key, japanese, english in entries() if values(japanese) != values(english)] == []


def test_every_sentence_is_there_and_is_japanese_where_it_should_be() -> None:
    assert [key for key, japanese, english in entries() if not japanese.strip() or not english.strip()] == []
    assert [key for key, _, english in entries() if re.search(r"[ぁ-んァ-ヶ一-龠]", english)] == []
    assert [key for key, japanese, _ in entries() if " " in key and not re.search(r"[ぁ-んァ-ヶ一-龠]", japanese)] == []


def test_no_sentence_speaks_python() -> None:
    words = re.compile(r"\b(None|dict|str|int|tuple|NoneType|Traceback|Exception|Error|regex|parse|null)\b")
    assert [key for key, japanese, english in entries() if words.search(japanese) or words.search(english)] == []


def test_every_code_that_is_raised_has_words() -> None:
    assert sorted(raised() - set(catalogue("en"))) == []


def test_every_code_with_words_is_raised() -> None:
    assert sorted(key for key in catalogue("en") if CODE.match(key) and key != FALLBACK and key not in raised()) == []


def test_every_key_that_is_said_exists() -> None:
    whole, beginnings = keys_said()
    assert sorted(whole - set(catalogue("en"))) == []
    assert [each for each in beginnings if not any(key.startswith(each) for key in catalogue("en"))] == []


def test_every_key_is_said() -> None:
    _, beginnings = keys_said()
    texts = {node.value for _, node in constants() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    texts |= {*REASONS, *(state.value for state in State)}
    unsaid = [key for key in catalogue("en") if not CODE.match(key) and key not in texts and key not in FREE]
    assert [key for key in unsaid if key.split(".")[0] + "." not in beginnings or key.split(".", 1)[1] not in texts] == []


@pytest.mark.parametrize("key", [*(f"reason.{reason}" for reason in (*REASONS, "unknown")), *(f"state.{state.value}" for state in State)])
def test_every_reason_and_state_has_a_sentence(key: str) -> None:
    assert key in catalogue("en")


def test_every_command_that_is_named_exists() -> None:
    """Only `banso xyz`; options before the command are passed over."""
    root = whole()
    commands = set(root.commands) | {f"{name} {inner}" for name, each in root.commands.items() for inner in getattr(each, "commands", {})}
    named = {
        tuple(found.split()) for _, *both in entries() for text in both for found in re.findall(r"banso(?: -w \{\w+\})? ([a-z]+(?: [a-z]+)?)", text)
    }
    named = {words for words in named if words[0] in root.commands or words[0] not in {"knows", "itself", "does", "uses"}}
    missing = {words for words in named if words[0] not in commands}
    missing |= {words for words in named if hasattr(root.commands.get(words[0]), "commands") and " ".join(words) not in commands}
    assert missing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_near_name_comes_first_in_what_to_do(language: Language) -> None:
    _, _, fix = say_fault(language, "E642", {"name": "funel", "known": ("funnel", "stalled")})
    assert fix.startswith("Did you mean `funnel`?" if language == "en" else "`funnel` ではありませんか?")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "(nothing)", id="nothing at all"),
        pytest.param(True, "true", id="as in YAML, not as in Python"),
        pytest.param([7, "x"], "[7, x]", id="a list"),
        pytest.param({"at_least": 5}, "{at_least: 5}", id="a map"),
        pytest.param("{0}", "{0}", id="braces are text"),
        pytest.param("x" * 500, "x" * 200 + "…", id="a very long text is cut"),
    ],
)
def test_values_are_shown_as_they_are_written(value: object, shown: str) -> None:
    what, _, _ = say_fault("en", "E308", {"wanted": value})
    assert what == f"true or false is expected, got `{shown}`."


def test_a_code_without_words_is_still_told() -> None:
    what, why, fix = say_fault("ja", "E999", {})
    assert "E999" in what
    assert why
    assert fix


def test_a_value_that_the_fault_lacks_reads_as_a_dash() -> None:
    assert say_fault("en", "E602", {})[0] == "No file `–` in the data folder."


# --- reasons and details ----------------------------------------------------------------------------------------------

AWKWARD = ("株式会社:青空", "50%", "%3A", "a:b:c", "", "{first}")


@pytest.mark.parametrize("values", [(), AWKWARD[:1], AWKWARD[1:3], AWKWARD[3:]])
def test_a_detail_reads_back_as_it_was_written(values: tuple[str, ...]) -> None:
    assert parts_of(detail("under_way", *values)) == ("under_way", list(values))


def words_written() -> set[str]:
    """The words of every `detail(…)` in the code that stand there as text."""
    calls = [node for _, node in constants() if called(node) == "detail" and isinstance(node, ast.Call)]
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


@pytest.mark.parametrize(
    "word", sorted({*words_written(), "all", "channel", "rule", "account", "plan", "reflect", "stopped", "opted_out", "bounced"})
)
def test_every_detail_has_a_sentence(word: str) -> None:
    assert f"detail.{word}" in catalogue("en")


@pytest.mark.parametrize(
    ("reason", "found", "told"),
    [
        ("again", "after:2026-04-17", "すでに送っていて、次にはまだ早い [次は 2026-04-17 から]"),
        ("window_open", "under_way:next-setting", "同じ目標の案内がまだ有効期間中 [next-setting がこれから届く]"),
        ("paused", "rule:write:brake%3A 8 > 3 x 2", "一時停止中 [ルール write、理由は「brake: 8 > 3 x 2」]"),
        ("lost_to", "next-setting", "別のルールを優先 next-setting"),
        ("past_deadline", "too_late", "期限までに送れない [送れる時刻が期限より後になる]"),
        ("cap", None, "チャネルの上限"),
    ],
)
def test_a_reason_is_told_with_what_was_found(reason: str, found: str | None, told: str) -> None:
    assert say_reason("ja", reason, found) == told


@pytest.mark.parametrize("text", ["sqlite:///state/ledger.db", "3.11.9", "under way: next-setting"])
def test_what_is_no_word_of_the_catalogue_is_told_as_it_is(text: str) -> None:
    assert say_detail("ja", text) == text
