"""Every command by name: the module it stands in, and its one sentence. The module, with all that it imports, is loaded when the command is used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("newcomers", "Write a fresh workspace with rules, sources and templates to start from."),
    "demo": ("newcomers", "Simulate a quarter of companies, run the last nights through a real worker and a real mail server, and show the result."),
    "lint": ("lint", "Check every file of the workspace, tests too; all faults at once, each with its place and its cure."),
    "plan": ("designers", "Show what a night would do, in accounts; sends nothing. Exit 2 when there is something to send."),
    "schema": ("authors", "Write JSON Schemas of this workspace, from which editors complete and check its files."),
    "fmt": ("authors", "Tidy the YAML files below rules/ without changing what they mean."),
    "fix": ("authors", "Mend what faults say word for word, show the difference, and say what is left."),
    "order": ("order", "Show who goes first, lane by lane; add and move rules."),
    "new": ("beginnings", "Begin a rule, a mail or a test."),
    "test": ("rehearsals", "Run the tests in rules/tests/. Exit 1 when one does not come true."),
    "backtest": ("rehearsals", "Replay the nights of the past without reaching anybody; goes on where a run before was cut."),
    "diff": ("rehearsals", "Compare two rule sets in accounts: who newly gets what, who no longer, who something else."),
    "stage": (
        "stages",
        "Let a rule climb: plan → try → reflect → share. `share` wants a test, a result, an approver and the typed number of accounts.",
    ),
    "send-test": ("stages", "Send one letter of a rule to yourself, with [TEST] before its subject; no touch is written."),
    "explain": ("accounts", "Say why an account gets what it gets, or nothing: every rule with its first failing condition, gate or winner."),
    "timeline": ("accounts", "Show what happened to an account, with what banso did and until when each touch is valid."),
    "preview": ("accounts", "Show the message a rule would send to an account, whether or not it matches now; sends nothing."),
    "facts": ("accounts", "List the facts that rules can use, or their values for one account with source and age."),
    "guide": (
        "guide",
        "Write the introduction guide: all steps with what they are for, their screens and texts; for an account with what it has done.",
    ),
    "load": ("data", "Load product logs and histories into the lake; what was loaded before changes nothing."),
    "compact": ("data", "Move new records from the ledger's tail into the lake."),
    "report": ("data", "Answer one question about many accounts or contacts."),
    "mail": ("mail", "Mail: what to look at before the first one goes, and what comes back."),
    "ops": ("ops", "Queues, pauses and sources."),
    "key": ("keys", "Keys by which products send events."),
    "popup": ("popups", "Popups: the line by which the product's pages load them."),
    "suppress": ("ops", "Never mail an address again, from this moment on, across all rules."),
    "doctor": ("ops", "Look for everything that can be wrong with a deployment; exit 1 if something is."),
    "nightly": ("processes", "Decide for all accounts and plan the touches; the same night twice adds nothing."),
    "worker": ("processes", "Send what is due: a Celery worker with a sweeper beside it."),
    "scheduler": ("processes", "The clock: runs each night's slot once, catches up after downtime, and sweeps."),
    "serve": ("processes", "The web door: events of products, health, readiness, status and metrics."),
    "up": ("processes", "Everything in one process group: workers, scheduler and web, started again when they leave, fall silent or hang."),
}


class Listed(TyperCommand):
    """A command of which only name and sentence are known until somebody uses it."""

    def __init__(self, name: str, module: str, sentence: str) -> None:
        super().__init__(name, help=sentence)
        self.module = module

    def of_module(self) -> Mapping[str, Any]:
        """All commands that its module registers, by name."""
        together = typer.Typer()
        import_module(f"engine.cli.{self.module}").register(together)
        return typer.main.get_group(together).commands

    def loaded(self) -> Any:
        """The command itself."""
        return self.of_module()[str(self.name)]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Here the parser hands over to the command; everything after is the loaded one's."""
        return self.loaded().make_context(info_name, args, parent, **extra)


def add_commands(group: TyperGroup) -> None:
    for name, (module, sentence) in COMMANDS.items():
        group.add_command(Listed(name, module, sentence))
