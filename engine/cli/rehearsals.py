"""For CS designers: test, backtest and diff, which play the rules without reaching anybody."""

from typing import Annotated

import typer
from rich.markup import escape

from engine.cli.door import FAULTS, AsJson, Door, out, print_json
from engine.messages import Language, say
from engine.pipeline.rehearse import Tested, run_tests
from engine.rehearsal.check import Result


def register(app: typer.Typer) -> None:
    app.command(name="test")(run_rule_tests)


def run_rule_tests(
    context: typer.Context,
    rules: Annotated[list[str] | None, typer.Argument(help="Only tests that name one of these rules.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests in rules/tests/. Exit 1 when one does not come true."""
    door: Door = context.obj
    with door.system() as system:
        tested, language = run_tests(system, rules or ()), door.language(system)
    if as_json:
        print_json(_plain(tested, language))
    else:
        print_tested(tested, language)
    if tested.failed:
        raise typer.Exit(FAULTS)


def print_tested(tested: Tested, language: Language) -> None:
    """What did not come true, where it is written, and one line of counts."""
    for result in tested.failed:
        place = result.case.places[result.number]
        out.print(f"[red]✗[/red] [bold]{escape(str(place))}[/bold]  {escape(result.case.name)}", soft_wrap=True)
        for sentence in sentences(result, language):
            out.print(f"    {escape(sentence)}", soft_wrap=True)
    key = "test.failed" if tested.failed else "test.passed"
    out.print(say(language, key, tests=len(tested.cases), expectations=len(tested.results), failed=len(tested.failed)), style="bold")
    if tested.untested:
        out.print(say(language, "test.untested", rules=", ".join(tested.untested)), style="yellow")


def sentences(result: Result, language: Language) -> list[str]:
    return [say(language, key, **values) for key, values in result.findings]


def _plain(tested: Tested, language: Language) -> dict[str, object]:
    failed = [{"test": each.case.name, "place": str(each.case.places[each.number]), "findings": sentences(each, language)} for each in tested.failed]
    return {"tests": len(tested.cases), "expectations": len(tested.results), "failed": failed, "untested": list(tested.untested)}
