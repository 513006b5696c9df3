"""Why a touch waits or ended, where no gate is the reason: the closed list of what can happen on the way to the customer."""

from enum import StrEnum


class DeliveryReason(StrEnum):
    """Kept with the touch beside the reasons of the gates; what exactly happened stands in its `detail`."""

    UNWRITABLE = "unwritable"  # the template lacks a value
    REFUSED = "refused"  # the receiver said never
    LATER = "later"  # the receiver said not now
    HELD = "held"  # a pause began after the decision
    NO_REPLY = "no_reply"  # handed over, and the line broke before the answer
    WORKER_DIED = "worker_died"  # handing over had begun, and nobody came back
    RESTORED = "restored"  # the ledger was restored from a backup, and it may have gone out since
    LEFT_ALONE = "left_alone"  # the relay or the domain failed so often that nobody asks it for a while
    NO_RELAY = "no_relay"  # its sender names a relay that the deployment lacks
    TOO_FAST = "too_fast"  # the limit of letters a minute is reached
    EVIDENCE_TAKEN = "evidence_taken"  # the relay's log or the journal knows the letter
    EVIDENCE_ABSENT = "evidence_absent"  # they are complete and do not
    NOT_LISTED = "not_listed"  # the ledger is the list, and it does not have it
    RESENT = "resent"  # service mail of which nobody could tell for too long
    SETTLED_SENT = "settled_sent"  # a person's word
    SETTLED_NOT_SENT = "settled_not_sent"
    RETRIED = "retried"  # a person put it back after it had failed
