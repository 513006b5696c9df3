"""Templates: what they may say is checked before anyone is written to, and every text of both examples can be written in every case."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.channels.letter import Occasion
from engine.decision.recipient import Recipient
from engine.errors import BansoError, Fault
from engine.facts.fold import Fold
from engine.rulebook.actions import SuggestHelp
from engine.rulebook.python import Answer
from engine.workspace.load import load_workspace
from tests.builders import a_touch
from tests.workspace.writings import EXAMPLES, ROOT, columns_of, mails, workspace, writings

BODY = "templates/mail/readiness/body.txt"


def faults_with(tmp_path: Path, text: str, file: str = BODY) -> list[Fault]:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(BansoError) as caught:
        load_workspace(tmp_path, frozenset(CHANNELS))
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "word", "near"),
    [
        pytest.param("x\n{{ recruit_knd }}\n", "E205", 2, 4, "recruit_knd", "recruit_kind", id="unknown name"),
        pytest.param("steps {{ steps }}", "E205", 1, 10, "steps", "step", id="unknown name that also stands in the text"),
        pytest.param("{{ step.label }}{{ step.lable }}", "E205", 1, 25, "lable", "label", id="unknown attribute"),
        pytest.param("{{ account.address }}", "E205", 1, 12, "address", None, id="attribute of another object"),
        pytest.param("{{ link.url.netloc }}", "E205", 1, 13, "netloc", None, id="attribute of an attribute"),
        pytest.param("{{ account }}", "E205", 1, 4, "account", "account.name", id="an object as a whole"),
        pytest.param("{% if timng == 'x' %}{% endif %}", "E205", 1, 7, "timng", "timing", id="unknown name in an if"),
        pytest.param("{{ account.name | uper }}", "E210", 1, 19, "uper", None, id="unknown filter"),
        pytest.param("{{ account.name | attr('x') }}", "E210", 1, 19, "attr", None, id="filter that reaches inside"),
        pytest.param("a\n{% macro x(a) %}{{ a }}{% endmacro %}", "E210", 2, 4, "macro", None, id="macro"),
        pytest.param("{% import 'x' as y %}", "E210", 1, 4, "import", None, id="import"),
        pytest.param("{% from 'x' import y %}", "E210", 1, 4, "from", None, id="from import"),
        pytest.param("{% include 'x' %}", "E210", 1, 4, "include", None, id="include"),
        pytest.param("{% extends 'x' %}", "E210", 1, 4, "extends", None, id="extends"),
        pytest.param("{% block x %}{% endblock %}", "E210", 1, 4, "block", None, id="block"),
        pytest.param("x\n\n  {% set x = 1 %}", "E210", 3, 6, "set", None, id="set"),
        pytest.param("{% set x %}y{% endset %}", "E210", 1, 4, "set", None, id="set of a block"),
        pytest.param("{% call x() %}{% endcall %}", "E210", 1, 4, "call", None, id="call block"),
        pytest.param("{{ account.name.upper() }}", "E210", 1, 22, "(", None, id="call"),
        pytest.param("{{ account['name'] }}", "E210", 1, 11, "[", None, id="item"),
        pytest.param("{{ stalled_days + 1 }}", "E210", 1, 17, "+", None, id="arithmetic"),
        pytest.param("a\n{% if timing %}\n", "E209", 2, 1, None, None, id="an if without its end"),
        pytest.param("a\nb {{ timing }\n", "E209", 2, 1, None, None, id="a bracket that is not closed"),
        pytest.param("{% without %}", "E209", 1, 1, None, None, id="an unknown tag"),
    ],
)
def test_what_a_template_may_not_say(tmp_path: Path, text: str, code: str, line: int, column: int, word: str | None, near: str | None) -> None:
    (fault,) = faults_with(tmp_path, text)
    assert (fault.code, fault.place.file, fault.place.line, fault.place.column) == (code, BODY, line, column)
    assert (fault.values.get("name"), fault.values.get("near")) == (word, near)


def test_the_frame_is_checked_like_a_mail(tmp_path: Path) -> None:
    (fault,) = faults_with(tmp_path, "{{ adressee }}\n[[body]]\n", "templates/mail/layout.txt")
    assert (fault.code, str(fault.place), fault.values["near"]) == ("E205", "templates/mail/layout.txt:1:4", "addressee")


def test_a_mail_without_one_of_its_parts_is_one_fault(tmp_path: Path) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "templates/mail/readiness/subject.txt").unlink()
    with pytest.raises(BansoError) as caught:
        load_workspace(tmp_path, frozenset(CHANNELS))
    assert [f"{fault.code} {fault.place}" for fault in caught.value.faults] == ["E208 templates/mail/readiness/subject.txt"]


# --- the texts of both examples -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", EXAMPLES)
def test_every_text_of_the_examples_is_written_in_every_case(language: str) -> None:
    space = workspace(language)
    written = {each.parts["template"] for each in writings(language)}
    helps = {"help"} if any(isinstance(rule.do, SuggestHelp) for rule in space.rules.values()) else set()
    assert written == set(space.templates) | helps
    assert [each.where for each in writings(language) if not each.parts["text"].strip()] == []
    assert [each.where for each in mails(language) if not each.parts["subject"] or "</html>" not in each.parts["html"]] == []


@pytest.mark.parametrize("language", EXAMPLES)
def test_nothing_of_the_template_is_left_in_a_text(language: str) -> None:
    for each in writings(language):
        html = re.sub(r"<style.*?</style>|<!--.*?-->", "", each.parts.get("html", ""), flags=re.DOTALL)
        assert not re.search(r"\{\{|\{%|\[\[|\b(None|True|False|Undefined)\b", each.words + html), each.where


def test_the_two_forms_of_a_mail_say_the_same() -> None:
    """Every line of the text stands in the HTML too, and both lead to the same place."""
    for each in mails("ja"):
        read = re.sub(r"<[^>]*>|\s", "", re.sub(r"<style.*?</style>|<!--.*?-->", "", each.parts["html"], flags=re.DOTALL))
        lines = [
            re.sub(r"\s", "", line.removeprefix("▼")) for line in each.parts["text"].splitlines() if not re.match(r"https?://|mailto:|-{5}|> ", line)
        ]
        assert [line for line in lines if line not in read.replace("&amp;", "&")] == [], each.where
        links = re.findall(r"^https?://\S+", each.parts["text"], re.MULTILINE)
        assert all(f'href="{link}"' in each.parts["html"].replace("&amp;", "&") for link in links), each.where


def test_labels_stand_in_mails_instead_of_codes() -> None:
    step = workspace("ja").route.steps["briefing_evaluated"].label
    assert [step in each.parts["subject"] for each in mails("ja") if each.where == "next-setting briefing_evaluated known"] == [True]


def test_a_name_with_marks_is_text_in_html() -> None:
    space = workspace("ja")
    rule = space.rules["next-setting"]
    touch = replace(a_touch(rule="next-setting"), goal=rule.goal)
    fold = Fold()
    fold.name = (0, "", "", "<b>青空 & 海</b>")
    answer = Answer(columns_of(space, rule, None, known=True), {}, excluded=False)
    parts = CHANNELS["mail"](space).preview(Occasion(touch, answer, fold, Recipient("u1", "a@example.jp", None, None), 0))
    assert "&lt;b&gt;青空 &amp; 海&lt;/b&gt;" in parts["html"]
    assert "<b>青空 & 海</b>" in parts["text"]
