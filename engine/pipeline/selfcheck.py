"""The nightly self-check: some accounts are folded one by one and held against what the night's one statement said of them.

Both paths must say the same of every rule and every fact, whether the records are read anew or a fold of some days ago is brought up to now.
"""

from collections.abc import Mapping, Sequence

from engine.facts.fold import Fold
from engine.ledger import touches as ledger_touches
from engine.pipeline.evaluate import fold_accounts
from engine.pipeline.folds import KEPT_FOR, folds_of
from engine.pipeline.matched import Asked
from engine.pipeline.system import System

SAMPLE = 50  # accounts a night; other ones each night
SHOWN = 20  # differences that are kept by name

Differences = Mapping[str, Sequence[str]]  # account → rules and facts of which the two say otherwise


def self_check(system: System, asked: Asked, stale: frozenset[str]) -> tuple[int, Differences]:
    """How many folds were held against the night, and where they differed: nowhere, or something is broken."""
    accounts = asked.sample(SAMPLE)
    folds = [*fold_accounts(asked.workspace, asked.records, accounts, asked.instant).items(), *_kept(system, asked, accounts)]
    said, found = asked.said(accounts), dict[str, Sequence[str]]()
    for account, fold in folds:
        answer = system.evaluator(asked.workspace).answer(fold, asked.instant, stale)
        alone = {**{rule: answer.rules[rule] for rule in asked.rules}, **{name: answer.columns[name] for name in asked.columns}}
        if wrong := [name for name, value in said[account].items() if alone[name] != value]:
            found[account] = wrong
    return len(folds), dict(sorted(found.items())[:SHOWN])


def _kept(system: System, asked: Asked, accounts: Sequence[str]) -> list[tuple[str, Fold]]:
    """The folds that the last touches of these accounts keep, brought up to the night as a re-check does it."""
    since = asked.instant - KEPT_FOR
    with system.ledger.read() as connection:
        touches = ledger_touches.touches_of(connection, accounts, until=asked.instant)
        newest = {each.account_id: each for each in sorted(touches, key=lambda each: each.decided_at) if since < each.decided_at < asked.instant}
        folds = folds_of(connection, system, asked.workspace, list(newest.values()), asked.instant)
    return [(touch.account_id, folds[touch.id]) for touch in newest.values()]
