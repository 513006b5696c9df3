"""send-test: one letter of a rule to its author. It writes no touch and counts for nothing."""

from dataclasses import replace

from engine.channels import CHANNELS
from engine.channels.letter import Occasion, Reply
from engine.channels.mail.channel import MailChannel
from engine.channels.mail.message import checked_address
from engine.decision.recipient import NOBODY, main_contact
from engine.errors import refuse
from engine.pipeline.evaluate import judge_one
from engine.pipeline.explain import must_exist
from engine.pipeline.postal import deployment_of, mail_transport
from engine.pipeline.preview import imagined
from engine.pipeline.system import System

MARK = "[TEST] "


def send_test(system: System, rule_id: str, account: str, address: str, instant: int) -> Reply:
    """Fill the letter with the account's values and send it to `address` alone."""
    judged, workspace, _ = judge_one(system, account, instant)
    must_exist(judged, account)
    if rule_id not in workspace.rules:
        raise refuse("E641", rule_id, name=rule_id, known=tuple(workspace.rules))
    rule = workspace.rules[rule_id]
    channel = CHANNELS[rule.do.channel](workspace, deployment_of(system.config))
    if not isinstance(channel, MailChannel):
        raise refuse("E713", rule_id, name=rule_id)
    recipient = replace(main_contact(judged.fold) or NOBODY, address=checked_address(address))
    touch = replace(imagined(workspace, rule_id, rule, judged, instant), message_id=f"<test-{instant}@banso.invalid>")
    letter = channel.write(Occasion(touch, judged.answer, judged.fold, recipient, instant), mark=MARK)
    transport = mail_transport(system)
    try:
        return transport.offer(letter) or transport.hand_over(letter, lambda: True)
    finally:
        transport.close()
