"""What a rule may be written from: the templates of its own channel and no others."""

from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError
from engine.workspace.load import load_workspace
from tests.builders import a_workspace

MAIL = "do: {{send: mail, from: desk, template: {template}, lead_to: {{setting: next_step}}}}"
POPUP = "trigger: {{event: product.login}}, do: {{show: popup, template: popup/note, lead_to: {{setting: next_step}}, where: {where}}}"


def codes(tmp_path: Path, rule: str, order: str) -> list[str]:
    try:
        load_workspace(a_workspace(tmp_path, rules=f"  write: {{when: [{{errors: {{at_least: 1}}}}], {rule}}}\n", order=order), frozenset(CHANNELS))
    except BansoError as error:
        return [fault.code for fault in error.faults if fault.refuses]
    return []


@pytest.mark.parametrize(("template", "found"), [("mail/plain", []), ("popup/note", ["E204"]), ("call/note", ["E204"]), ("mail/plian", ["E204"])])
def test_a_mail_is_written_from_a_mail(tmp_path: Path, template: str, found: list[str]) -> None:
    assert codes(tmp_path, MAIL.format(template=template), "push: [write]") == found


@pytest.mark.parametrize(("where", "found"), [("{role: admin}", []), ("{rol: admin}", ["E105"])])
def test_whom_a_popup_is_for_is_said_in_known_words(tmp_path: Path, where: str, found: list[str]) -> None:
    assert codes(tmp_path, POPUP.format(where=where), "pull: [write]") == found
