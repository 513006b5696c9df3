"""The Japanese example keeps the manners of Japanese business writing, and its rules the manners of a CS team."""

import re
from pathlib import Path

import pytest

from engine.rulebook.actions import AskPopup, Popup, SendMail, Task
from tests.workspace.writings import ROOT, Writing, mails, workspace, writings

INNER_WORDS = ("止まって", "放置", "未対応", "架電", "差配", "ヘルス", "健康度", "至急", "停滞", "休眠", "離脱", "御社", "ステータス")
SUBJECT_LONGEST, POPUP_TITLE_LONGEST, POPUP_LONGEST = 40, 30, 200
LATER = "[あとで]"
OUTCOMES = "**記録** 話せた / 不在 / 後日(日付) / 連絡先違い"
ROWS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "B1", "B2", "B3", "B4", "C1", "C2", "C3", "C4")  # of what the product is for
SPACE = workspace("ja")


def popups() -> list[Writing]:
    return [each for each in writings("ja") if isinstance(SPACE.rules[each.rule_id].do, Popup)]


def scripts(kind: str) -> list[Writing]:
    return [each for each in writings("ja") if each.parts["template"].startswith(f"{kind}/")]


def broken(found: list[Writing], holds: object) -> list[str]:
    """Where a convention is not kept."""
    return [each.where for each in found if not holds(each)]


# --- every text -------------------------------------------------------------------------------------------------------


def test_no_inner_word_reaches_a_customer() -> None:
    read = {each.where: f"{each.words}{each.parts.get('html', '')}" for each in (*mails("ja"), *popups())}
    assert [(where, word) for where, text in read.items() for word in INNER_WORDS if word in text] == []


def test_labels_stand_in_texts_and_never_codes() -> None:
    codes = {value for fact in SPACE.plan.facts.values() for value in fact.type.values if "_" in value} | {
        step for step in SPACE.route.steps if "_" in step
    }
    assert [(each.where, code) for each in writings("ja") for code in codes if re.search(rf"\b{code}\b", each.words)] == []


def test_days_are_written_as_people_read_them() -> None:
    """「4月7日(火)」 and 「10:00」, never 2026-04-07 or 4/7."""
    for each in writings("ja"):
        text = re.sub(r"https?://\S+", "", each.words)
        assert not re.search(r"\d{4}-\d{2}-\d{2}|\d+/\d+", text), each.where
        assert all(day in "月火水木金土日" for day in re.findall(r"\d+月\d+日\((.)", text)), each.where


def test_a_session_is_named_with_its_day_and_hour() -> None:
    offered = [each for each in mails("ja") if each.known and (leads := SPACE.rules[each.rule_id].do.leads) and leads.place]
    assert {each.rule_id for each in offered} == {"seminar-invite", "seminar-no-show"}
    assert broken(offered, lambda each: re.search(r"\d+月\d+日\([月火水木金土日]\)\d+:\d\d", each.parts["text"])) == []


# --- mails ------------------------------------------------------------------------------------------------------------


def test_a_subject_is_one_short_line() -> None:
    assert broken(mails("ja"), lambda each: len(each.parts["subject"]) <= SUBJECT_LONGEST and "\n" not in each.parts["subject"]) == []


def test_the_addressee_is_written_as_in_letters() -> None:
    for each in mails("ja"):
        line = each.parts["text"].splitlines()[0]
        assert line == ("株式会社青空 田中 様" if each.known else "㈱青空 採用ご担当者様"), each.where
        assert line in each.parts["html"], each.where
        assert "御中" not in each.parts["text"] + each.parts["html"], each.where


def test_a_letter_begins_and_ends_with_a_greeting() -> None:
    assert broken(mails("ja"), lambda each: each.parts["text"].splitlines()[2] == "いつもお世話になっております。") == []
    assert broken(mails("ja"), lambda each: "\n今後ともどうぞよろしくお願いいたします。\n" in each.parts["text"]) == []


@pytest.mark.parametrize("part", ["text", "html"])
def test_the_five_legal_items_stand_in_every_mail(part: str) -> None:
    """Sender's legal name, address, where to complain, how to refuse and where that is done: Act on Specified Electronic Mail, Art. 4."""
    for language, word in (("ja", "配信停止"), ("en", "unsubscribe")):
        imprint = workspace(language).settings.imprint
        items = (imprint.legal_name, imprint.postal_address, imprint.complaints, imprint.refuse, word)
        assert broken(mails(language), lambda each, items=items: all(item in each.parts[part] for item in items)) == []


def test_the_signature_names_phone_and_hours() -> None:
    for language in ("ja", "en"):
        for each in mails(language):
            sender = workspace(language).settings.senders[workspace(language).rules[each.rule_id].do.from_]
            assert all(item in each.parts["text"] for item in (sender.name, sender.phone, sender.hours, sender.address)), each.where


def test_a_mail_asks_for_one_thing_with_one_button() -> None:
    """One link to act on; the imprint's is the other one."""
    for each in mails("ja"):
        links = re.findall(r"https?://[^\s<>()「」、。]+", each.parts["text"])
        assert len(links) == 1, (each.where, links)
        assert each.parts["text"].count("▼") == 1, each.where
    for body in (ROOT / "templates" / "mail").glob("*/body.mjml"):
        text = re.sub(r'<mj-button[^>]*href="{{ answer\.\w+ }}".*', "", body.read_text(encoding="utf-8"))  # the answers to one question are one thing
        assert (text.count("<mj-button"), text.count("href=")) == (1, 1), body


def test_a_mail_that_asks_for_work_says_how_long_it_takes() -> None:
    asking = [each for each in mails("ja") if set(SPACE.rules[each.rule_id].do.leads.kinds()) & {"setting", "seminar", "course"}]
    assert asking
    assert broken(asking, lambda each: re.search(r"\d+分", each.parts["text"])) == []


def test_a_mail_offers_a_way_to_a_person() -> None:
    assert broken(mails("ja"), lambda each: "返信" in each.parts["text"] or "相談" in each.parts["text"]) == []


# --- popups -----------------------------------------------------------------------------------------------------------


def test_a_popup_is_read_at_a_glance() -> None:
    fits = lambda each: len(each.parts["subject"]) <= POPUP_TITLE_LONGEST and len(each.parts["text"]) <= POPUP_LONGEST  # noqa: E731  # one line says it
    assert broken(popups(), fits) == []


def test_a_popup_has_one_link_or_one_question() -> None:
    for each in popups():
        asks = isinstance(SPACE.rules[each.rule_id].do, AskPopup)
        assert len(re.findall(r"\]\(https?://", each.parts["text"])) == (0 if asks else 1), each.where
        assert each.parts["text"].rstrip().endswith(LATER) == asks, each.where
        assert (each.parts["subject"].count("?") == 1) == asks, each.where


def test_a_question_offers_the_answers_that_are_kept() -> None:
    """The labels of the fact behind the answer, each on a line of its own; a date is typed."""
    for each in popups():
        do = SPACE.rules[each.rule_id].do
        if isinstance(do, AskPopup):
            fact = next(SPACE.plan.facts[name] for name, spec in SPACE.facts.items() if do.save_to in spec.events_read())
            offered = [line.removeprefix("- ") for line in each.parts["text"].splitlines() if line.startswith("- ")]
            assert fact.type.kind == "date" or offered == list(fact.type.values.values()), each.where


# --- people's work ----------------------------------------------------------------------------------------------------


def test_a_script_says_to_whom_and_ends_with_what_to_note_down() -> None:
    calls = scripts("call")
    assert broken(calls, lambda each: each.parts["text"].startswith("**お相手** ")) == []
    assert broken(calls, lambda each: each.parts["text"].rstrip().endswith(OUTCOMES)) == []
    assert broken(calls, lambda each: "「" in each.parts["text"]) == []


def test_a_task_is_a_short_list_of_what_to_do() -> None:
    assert broken(scripts("crm"), lambda each: re.findall(r"^\d\.", each.parts["text"], re.MULTILINE) in (["1.", "2."], ["1.", "2.", "3."])) == []


def test_a_call_ends_after_three_absences() -> None:
    calls = {rule_id: rule for rule_id, rule in SPACE.rules.items() if rule.do.channel == "call" and rule.stage != "stopped"}
    assert [rule_id for rule_id, rule in calls.items() if {"absences_60": {"at_least": 3}} not in rule.unless] == []


def test_a_call_holds_the_mails() -> None:
    calls = {rule_id: rule.do for rule_id, rule in SPACE.rules.items() if rule.do.channel == "call" and rule.stage != "stopped"}
    assert [rule_id for rule_id, do in calls.items() if not (isinstance(do, Task) and do.hold == ["push"])] == []


# --- rules ------------------------------------------------------------------------------------------------------------


def test_nobody_with_an_open_case_is_written_to_on_our_own_account() -> None:
    """A mail that answers what the customer did, or serves him, goes all the same."""
    mailing = {rule_id: rule for rule_id, rule in SPACE.rules.items() if isinstance(rule.do, SendMail) and not rule.do.is_service}
    assert [rule_id for rule_id, rule in mailing.items() if {"open_cases": {"at_least": 1}} not in rule.unless] == []


def test_a_customer_gets_at_most_one_mail_a_day_and_two_a_week() -> None:
    caps = SPACE.settings.channels["mail"].caps
    assert (caps.per_day, caps.per_7_days) == (1, 2)


def test_the_life_of_a_measure_is_shown_with_all_its_stages() -> None:
    stages = {rule.stage for rule in SPACE.rules.values()}
    assert stages == {"plan", "try", "reflect", "share", "stopped"}
    assert any(rule.try_ and rule.try_.accounts_of for rule in SPACE.rules.values())
    assert any(rule.holdout for rule in SPACE.rules.values())
    assert any(isinstance(rule.do, SendMail) and rule.do.variants for rule in SPACE.rules.values())


def test_every_step_of_the_route_names_the_rules_that_are_there_for_it() -> None:
    """The comment behind each step: a rule that is renamed or deleted is missed there."""
    lines = [line for line in (ROOT / "rules" / "route.yaml").read_text(encoding="utf-8").splitlines() if re.match(r"  [a-z_]+: +\{label", line)]
    named = {line.split(":")[0].strip(): re.split(r", *", line.rpartition("# ")[2]) if "}" in line and "# " in line else [] for line in lines}
    assert list(named) == list(SPACE.route.steps)
    assert [step for step, rules in named.items() if not rules and step != "applied"] == []
    assert {rule for rules in named.values() for rule in rules} <= set(SPACE.rules)


def test_every_row_of_what_the_product_is_for_is_named_where_it_is_kept() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((Path(ROOT) / "rules").glob("*.yaml")))
    told = set(re.findall(r"#[^\n]*?\b([ABC]\d+)\b", text)) | {
        row for comment in re.findall(r"#[^\n]*", text) for row in re.findall(r"\b[ABC]\d+\b", comment)
    }
    spans = re.findall(r"\b([ABC])(\d+)-\1(\d+)\b", text)
    told |= {f"{letter}{number}" for letter, first, last in spans for number in range(int(first), int(last) + 1)}
    assert [row for row in ROWS if row not in told] == []
