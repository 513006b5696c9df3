"""Which rules match for which accounts, set-based: one statement, then its rows in batches with all that deciding reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.decision.candidates import columns_read
from engine.decision.recipient import Recipient
from engine.pipeline.evaluate import bind, judge_all
from engine.pipeline.system import Records
from engine.records.contacts import main_contacts
from engine.rulebook.python import Answer
from engine.rulebook.statement import EXCLUDED, Question, rule_column
from engine.workspace.model import Workspace

BATCH = 1_000


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

    @cached_property
    def recipients(self) -> dict[str, Recipient]:
        """The main contact of every account with a match, in one scan."""
        query = f'SELECT account_id FROM "{self.table}" WHERE {self._any(self.rules)}'
        accounts = [account for (account,) in self.records.duck.execute(query).fetchall()]
        found = main_contacts(self.records.duck, accounts, self.instant)
        return {account: Recipient(*contact) for account, contact in found.items()}

    def counted(self) -> Counted:
        parts = [f'count(*) FILTER (WHERE "{rule_column(rule)}"), count(*) FILTER (WHERE "{rule_column(rule)}" IS NULL)' for rule in self.rules]
        wanted = ", ".join(["count(*)", f"count(*) FILTER (WHERE {self._any(self.rules)})", *parts])
        row = self.records.duck.execute(f'SELECT {wanted} FROM "{self.table}"').fetchone() or ()
        return Counted(row[0], row[1], {rule: (row[2 + 2 * index], row[3 + 2 * index]) for index, rule in enumerate(self.rules)})

    @staticmethod
    def _any(rules: Sequence[str]) -> str:
        return " OR ".join(f'"{rule_column(rule)}"' for rule in rules) or "false"

    def batches(self, rules: Sequence[str] | None = None) -> Iterator[list[Matched]]:
        """The accounts with a match (of these rules), in order of account, up to BATCH at a time."""
        rows = self._rows(self.rules if rules is None else rules)
        for start in range(0, len(rows), BATCH):
            yield self._batch(rows[start : start + BATCH])

    def some(self, accounts: Sequence[str]) -> list[Matched]:
        """These accounts, in this order."""
        wanted = set(accounts)
        found = {row[0]: row for row in self._rows(self.rules) if row[0] in wanted}
        return self._batch([found[account] for account in accounts if account in found])

    def _rows(self, rules: Sequence[str]) -> list[tuple[object, ...]]:
        names = [f'"{rule_column(rule)}"' for rule in self.rules] + [f'"{name}"' for name in self.columns]
        query = f'SELECT account_id, "{EXCLUDED}", {", ".join(names)} FROM "{self.table}" WHERE {self._any(rules)} ORDER BY account_id'
        return self.records.duck.execute(query).fetchall()

    def _batch(self, rows: Sequence[tuple[object, ...]]) -> list[Matched]:
        first = 2 + len(self.rules)
        batch = []
        for row in rows:
            hits = tuple(rule for rule, hit in zip(self.rules, row[2:first], strict=True) if hit)
            answer = Answer(dict(zip(self.columns, row[first:], strict=True)), {}, row[1])  # type: ignore[arg-type]  # DuckDB's rows have no types
            account = str(row[0])
            batch.append(Matched(account, hits, answer, self.recipients.get(account)))
        return batch


def nightly_rules(workspace: Workspace) -> tuple[str, ...]:
    """The rules that a night judges; the others wait for their records."""
    return tuple(rule_id for rule_id, rule in workspace.rules.items() if not rule.triggers)


def ask(workspace: Workspace, records: Records, instant: int, stale: frozenset[str], table: str = "night") -> Asked:
    """Run the one statement for all accounts at an instant."""
    rules = nightly_rules(workspace)
    columns = tuple(columns_read(workspace, rules))
    judge_all(records, workspace, Question(columns, rules), bind(workspace, records, instant, stale), table)
    return Asked(workspace, records, instant, rules, columns, table)
