"""What lint says of mails that ask by buttons, and of kinds of mail: rule, fact and template must say the same."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault
from engine.messages import LANGUAGES, say_fault
from engine.workspace.load import load_workspace
from tests.story import ROOT

PUSH, TEXT = "rules/push.yaml", "templates/mail/readiness/body.txt"


def fault_of(root: Path, file: str, old: str, new: str) -> tuple[Fault, str]:
    """The one fault of the example after one edit of a designer, and the line it is told at."""
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, root / folder)
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BansoError) as caught:
        load_workspace(root, frozenset(CHANNELS))
    (fault,) = caught.value.faults
    return fault, (root / fault.place.file).read_text(encoding="utf-8").split("\n")[fault.place.line - 1]


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "line"),
    [
        pytest.param(PUSH, "kind: setup", "kind: setpu", "E204", "setpu", id="a kind that nobody declared"),
        pytest.param(PUSH, "save_to: hearing.readiness", "save_to: hearing.guidance_start", "E316", "save_to", id="no choices"),
        pytest.param(PUSH, "save_to: hearing.readiness", "save_to: hearing.recruit_kind", "E317", "save_to", id="choices of another question"),
        pytest.param(PUSH, "follow_up: {changed:", "follow_up: {chagned:", "E203", "chagned", id="an answer that is none"),
        pytest.param(PUSH, "{changed: hearing.", "{changed: haering.", "E207", "haering", id="a field of no source"),
        pytest.param(PUSH, "      save_to: hearing.readiness ", "      # ", "E106", "do:", id="a second question without a first"),
        pytest.param(TEXT, "{{ answer.late }}", "{{ answer.laet }}", "E317", "save_to", id="a button for no answer"),
        pytest.param(TEXT, "{% if answer is defined %}", "{% if true %}", "E217", "answer", id="buttons that not every deployment can have"),
        pytest.param(TEXT, "{{ answer.late }}", "{{ answer }}", "E205", "answer", id="all answers as one"),
    ],
)
def test_each_slip_is_told_once_and_where_it_stands(tmp_path: Path, file: str, old: str, new: str, code: str, line: str) -> None:
    fault, shown = fault_of(tmp_path, file, old, new)
    assert (fault.code, line in shown) == (code, True), (fault, shown)
    assert all(say_fault(language, fault.code, fault.values) for language in LANGUAGES)


def test_a_mail_without_a_button_is_told_with_the_values_to_offer(tmp_path: Path) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in ("body.txt", "body.mjml"):
        path = tmp_path / "templates" / "mail" / "readiness" / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index("{% if answer")] + text[text.index("{% endif %}", text.index("{% if answer")) + 11 :], encoding="utf-8")
    with pytest.raises(BansoError) as caught:
        load_workspace(tmp_path, frozenset(CHANNELS))
    assert [(fault.code, fault.values["values"]) for fault in caught.value.faults] == [("E317", ("ready", "partly", "late", "changed"))]
