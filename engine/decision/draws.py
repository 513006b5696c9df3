"""Stable draws: an account falls into the same one of 10,000 buckets of a salt for ever. Nothing random is in it."""

from hashlib import sha256

from engine.rulebook.actions import SendMail, Variant
from engine.rulebook.spec import RuleSpec

BUCKETS = 10_000
PERCENT = BUCKETS // 100


def bucket(account_id: str, salt: str) -> int:
    """0 to 9,999 from the SHA-256 of salt and account."""
    return int.from_bytes(sha256(f"{salt}\0{account_id}".encode()).digest()[:8], "big") % BUCKETS


def drawn(account_id: str, salt: str, percent: int) -> bool:
    """Whether the account belongs to the first `percent` of a salt."""
    return bucket(account_id, salt) < percent * PERCENT


def variant_of(rule_id: str, rule: RuleSpec, account_id: str) -> Variant | None:
    """The wording an account gets of a rule with variants, always the same."""
    if not isinstance(rule.do, SendMail) or not rule.do.variants:
        return None
    place, reached = bucket(account_id, rule.salt(rule_id, "variant")), 0
    for variant in rule.do.variants:
        reached += variant.percent * PERCENT
        if place < reached:
            return variant
    return rule.do.variants[-1]
