"""Which rules match for which accounts, set-based: one statement, then its rows in batches with all that deciding reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.decision.candidates import columns_read
from engine.decision.recipient import Recipient
from engine.pipeline.evaluate import bind, judge_all
from engine.pipeline.system import Records
from engine.records.contacts import contacts_query
from engine.rulebook.python import Answer
from engine.rulebook.statement import EXCLUDED, Question, rule_column
from engine.workspace.model import Workspace

BATCH = 1_000
HEAD = 6  # account, contact with address, name and role, excluded


@dataclass(frozen=True)
class Matched:
    """An account of which at least one rule is true, with the columns that deciding on it reads."""

    account_id: str
    rules: tuple[str, ...]
    answer: Answer
    recipient: Recipient | None


@dataclass(frozen=True)
class Counted:
    """Over all accounts: how many there are, how many match anything, and for each rule (true, unknown)."""

    accounts: int
    matched: int
    rules: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Asked:
    """The answer of one statement at an instant, as a table of DuckDB."""

    workspace: Workspace
    records: Records
    instant: int
    rules: tuple[str, ...]
    columns: tuple[str, ...]
    table: str
    people: str | None = None  # a relation that holds the main contact of every account, where somebody keeps one
    passed_over: str | None = None  # a relation of accounts that are not looked at

    def counted(self) -> Counted:
        parts = [f'count(*) FILTER (WHERE "{rule_column(rule)}"), count(*) FILTER (WHERE "{rule_column(rule)}" IS NULL)' for rule in self.rules]
        wanted = ", ".join(["count(*)", f"count(*) FILTER (WHERE {self._any(self.rules)})", *parts])
        row = self.records.duck.execute(f'SELECT {wanted} FROM "{self.table}"').fetchone() or ()
        return Counted(row[0], row[1], {rule: (row[2 + 2 * index], row[3 + 2 * index]) for index, rule in enumerate(self.rules)})

    def sample(self, number: int) -> list[str]:
        """Some accounts, drawn by the instant: the same for the same one, others for others."""
        drawn = f"SELECT account_id FROM \"{self.table}\" ORDER BY hash(account_id || '{self.instant}'), account_id LIMIT {number}"
        return [account for (account,) in self.records.duck.execute(drawn).fetchall()]

    def said(self, accounts: Sequence[str]) -> dict[str, dict[str, object]]:
        """Account → rule → verdict and fact → value, as the statement said it."""
        names = [*(rule_column(rule) for rule in self.rules), *self.columns]
        wanted = ", ".join(f'"{name}"' for name in ("account_id", *names))
        rows = self.records.duck.execute(f'SELECT {wanted} FROM "{self.table}" WHERE account_id IN (SELECT unnest(?))', [list(accounts)]).fetchall()
        return {account: dict(zip((*self.rules, *self.columns), values, strict=True)) for account, *values in rows}

    @staticmethod
    def _any(rules: Sequence[str]) -> str:
        return " OR ".join(f'"{rule_column(rule)}"' for rule in rules) or "false"

    def batches(self, rules: Sequence[str] | None = None) -> Iterator[list[Matched]]:
        """The accounts with a match (of these rules), bucket by bucket and in order of account, up to BATCH at a time and in memory."""
        wanted = self._any(self.rules if rules is None else rules)
        for start in range(0, self._rows, BATCH):
            page = f'SELECT * EXCLUDE ("row") FROM "{self._sorted}" WHERE "row" > {start} AND "row" <= {start + BATCH} AND ({wanted}) ORDER BY "row"'
            if rows := self.records.duck.execute(page).fetchall():
                yield [self._matched(row) for row in rows]

    @property
    def _sorted(self) -> str:
        return f"{self.table}_matched"

    @cached_property
    def _rows(self) -> int:
        """Numbers the accounts with a match, their main contacts beside them, and says how many there are."""
        apart = f" ANTI JOIN {self.passed_over} USING (account_id)" if self.passed_over else ""
        anybody = f'(SELECT account_id FROM "{self.table}"{apart} WHERE {self._any(self.rules)})'
        people = self.people or f"({contacts_query(anybody, self.instant)})"
        names = [f'n."{name}"' for name in (EXCLUDED, *(rule_column(rule) for rule in self.rules), *self.columns)]
        self.records.duck.execute(
            f'CREATE OR REPLACE TEMP TABLE "{self._sorted}" AS SELECT row_number() OVER (ORDER BY md5(n.account_id)[1:2], n.account_id) AS "row", n.account_id, '
            f"c.contact_id, c.email, c.name, c.role, {', '.join(names)} "
            f'FROM "{self.table}" n SEMI JOIN {anybody} m USING (account_id) '
            f"LEFT JOIN {people} c ON c.account_id = n.account_id"
        )
        found = self.records.duck.execute(f'SELECT count(*) FROM "{self._sorted}"').fetchone()
        return int(found[0]) if found else 0

    def _matched(self, row: Sequence[Any]) -> Matched:
        account, contact, email, name, role, excluded = row[:HEAD]
        last = HEAD + len(self.rules)
        hits = tuple(rule for rule, hit in zip(self.rules, row[HEAD:last], strict=True) if hit)
        answer = Answer(dict(zip(self.columns, row[last:], strict=True)), {}, excluded)
        return Matched(account, hits, answer, Recipient(contact, email, name, role) if contact is not None else None)


def nightly_rules(workspace: Workspace) -> tuple[str, ...]:
    """The rules that a night judges; the others wait for their records."""
    return tuple(rule_id for rule_id, rule in workspace.rules.items() if not rule.triggers)


def ask(workspace: Workspace, records: Records, instant: int, stale: frozenset[str], table: str = "night") -> Asked:
    """Run the one statement for all accounts at an instant."""
    rules = nightly_rules(workspace)
    columns = tuple(columns_read(workspace, rules))
    judge_all(records, workspace, Question(columns, rules), bind(workspace, records, instant, stale), table)
    return Asked(workspace, records, instant, rules, columns, table)
