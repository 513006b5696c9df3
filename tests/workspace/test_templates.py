"""Mail templates: what they may say is checked before anyone is written to, and the mails of both examples keep the conventions."""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.channels.letter import Occasion
from engine.decision.recipient import Recipient
from engine.errors import BansoError, Fault
from engine.facts.fold import Fold
from engine.rulebook.python import Answer
from engine.rulebook.spec import RuleSpec
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.builders import a_touch

ROOT = Path(__file__).parents[2]
EXAMPLES = {"ja": ROOT, "en": ROOT / "examples" / "yammer"}
BODY = "templates/mail/readiness/body.txt"
INNER_WORDS = ("止まって", "放置", "未対応", "架電", "差配", "ヘルス", "至急", "停滞", "休眠", "離脱")
SUBJECT_LONGEST = 40


@cache
def workspace(language: str) -> Workspace:
    return load_workspace(EXAMPLES[language], frozenset(CHANNELS))


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


# --- the mails of both examples -------------------------------------------------------------------------------


def columns_of(space: Workspace, rule: RuleSpec, case: str | None, *, known: bool) -> dict[str, int | str | bool | None]:
    """Values of all facts under which a rule takes a case of its template: each known, or as little as possible."""
    samples = {"number": 5, "date": 20_550, "text": "x", "bool": 1}
    columns: dict[str, int | str | bool | None] = {}
    for fact in space.plan.facts.values():
        first = next(iter(fact.type.values), None)
        columns[fact.name] = (f"|{first}|" if fact.type.kind == "tags" else first or samples.get(fact.type.kind)) if known else None
    steps = list(space.route.steps)
    columns |= {f"done.{step}": index < 3 for index, step in enumerate(steps)}
    columns["next_step"] = steps[3] if len(steps) > 3 else steps[-1]
    if isinstance(rule.do.template, dict) and case is not None:
        columns[rule.do.template["by"]] = case
    return columns


def cases() -> list[tuple[str, str, str | None]]:
    """(language, rule, case of its template)."""
    found: list[tuple[str, str, str | None]] = []
    for language in EXAMPLES:
        space = workspace(language)
        for rule_id, rule in space.rules.items():
            template = rule.do.template
            if isinstance(template, str):
                found.append((language, rule_id, None))
                continue
            values = list(space.plan.facts[template["by"]].type.values)
            found += [(language, rule_id, value) for value in values]
    return found


def preview(language: str, rule_id: str, case: str | None, *, known: bool) -> dict[str, str]:
    space = workspace(language)
    rule = space.rules[rule_id]
    columns = columns_of(space, rule, case, known=known)
    return dict(CHANNELS[rule.do.channel](space).preview(occasion(rule_id, rule, columns, known=known)))


def occasion(rule_id: str, rule: RuleSpec, columns: dict[str, int | str | bool | None], *, known: bool) -> Occasion:
    name = "田中" if known else None
    recipient = Recipient("u1", "tanaka@example.jp", name, "人事部" if known else None)
    fold = Fold()
    fold.name = (0, "", "", "株式会社青空" if known else "㈱青空")
    return Occasion(a_touch(rule=rule_id, goal=rule.goal), Answer(columns, {}, excluded=False), fold, recipient, 0)


def every_mail() -> list[tuple[str, dict[str, str], str]]:
    """(language, the parts of the mail, where from) for each rule, each case, with all values known and with none."""
    found = []
    for known in (True, False):
        for language, rule_id, case in cases():
            where = f"{language} {rule_id} {case} {'known' if known else 'unknown'}"
            found.append((language, preview(language, rule_id, case, known=known), where))
    return found


@pytest.fixture(scope="module")
def mails() -> list[tuple[str, dict[str, str], str]]:
    return every_mail()


Mails = list[tuple[str, dict[str, str], str]]


def test_every_mail_of_both_examples_renders_in_every_case(mails: Mails) -> None:
    rendered = {(language, parts["template"]) for language, parts, _ in mails}
    assert rendered == {(language, name) for language in EXAMPLES for name in workspace(language).mails}
    assert all(parts["subject"] and parts["text"].strip() and "</html>" in parts["html"] for _, parts, _ in mails)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_nothing_of_the_template_and_no_code_is_left_in_a_mail(mails: Mails, language: str) -> None:
    ids = {step for step in workspace(language).route.steps if "_" in step}
    for parts, where in ((parts, where) for each, parts, where in mails if each == language):
        for text in (parts["subject"], parts["text"], re.sub(r"<style.*?</style>|<!--.*?-->", "", parts["html"], flags=re.DOTALL)):
            assert not re.search(r"\{\{|\{%|\[\[|None|True|False|Undefined", text), where
            assert not [step for step in ids if step in text], where


def test_a_subject_is_one_short_line(mails: Mails) -> None:
    assert [(where, parts["subject"]) for _, parts, where in mails if len(parts["subject"]) > SUBJECT_LONGEST or "\n" in parts["subject"]] == []


def test_the_addressee_is_written_as_in_japanese_letters(mails: Mails) -> None:
    for language, parts, where in mails:
        if language == "ja":
            line = parts["text"].splitlines()[0]
            assert line == ("株式会社青空 田中 様" if where.endswith(" known") else "㈱青空 採用ご担当者様"), where
            assert line in parts["html"], where
            assert "御中" not in parts["text"] + parts["html"], where


def test_no_inner_word_reaches_a_customer(mails: Mails) -> None:
    for language, parts, where in mails:
        if language == "ja":
            assert [word for word in INNER_WORDS if word in parts["subject"] + parts["text"] + parts["html"]] == [], where


@pytest.mark.parametrize("part", ["text", "html"])
def test_the_five_legal_items_stand_in_every_mail(mails: Mails, part: str) -> None:
    """Sender's legal name, address, where to complain, how to refuse and where that is done: Act on Specified Electronic Mail, Art. 4."""
    for language, parts, where in mails:
        imprint = workspace(language).settings.imprint
        for item in (imprint.legal_name, imprint.postal_address, imprint.complaints, imprint.refuse):
            assert item in parts[part], (where, item)
        assert ("配信停止" if language == "ja" else "unsubscribe") in parts[part], where


def test_the_signature_names_phone_and_hours(mails: Mails) -> None:
    for language, parts, where in mails:
        for sender in workspace(language).settings.senders.values():
            assert all(item in parts["text"] for item in (sender.name, sender.phone, sender.hours, sender.address)), where


def test_a_mail_asks_for_one_thing(mails: Mails) -> None:
    """One link to act on; the imprint's is the other one."""
    for language, parts, where in mails:
        links = set(re.findall(r"https?://[^\s<>()「」、。]+", parts["text"])) - {workspace(language).settings.imprint.refuse}
        assert len(links) <= 1, (where, links)


def test_labels_stand_in_mails_instead_of_codes() -> None:
    parts = preview("ja", "next-setting", "briefing_evaluated", known=True)
    assert workspace("ja").route.steps["briefing_evaluated"].label in parts["subject"]


def test_a_name_with_marks_is_text_in_html() -> None:
    space = workspace("ja")
    rule = space.rules["next-setting"]
    columns = columns_of(space, rule, None, known=True)
    fold = Fold()
    fold.name = (0, "", "", "<b>青空 & 海</b>")
    occasion_ = Occasion(
        a_touch(rule="next-setting", goal=rule.goal), Answer(columns, {}, excluded=False), fold, Recipient("u1", "a@example.jp", None, None), 0
    )
    parts = CHANNELS["mail"](space).preview(occasion_)
    assert "&lt;b&gt;青空 &amp; 海&lt;/b&gt;" in parts["html"]
    assert "<b>青空 & 海</b>" in parts["text"]
