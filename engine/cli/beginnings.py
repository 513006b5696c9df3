"""`banso new`: a rule, a mail or a test to begin with, written into the right files and good at once."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from engine.channels import CHANNELS
from engine.cli.door import AsJson, At, Door, out, parse_instant, print_json
from engine.cli.workshop import change_text, language_of, loaded, write_schemas, write_text
from engine.errors import refuse
from engine.messages import Language, say
from engine.rulebook.actions import LANES, Lane
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from engine.workspace.starters import check_name, like_rule, new_mail, new_rule

Name = Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and -.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Begin a rule, a mail or a test.")
    group.command("rule")(rule_named)
    group.command("mail")(mail_named)
    group.command("test")(history_of)
    app.add_typer(group, name="new")


def rule_named(
    context: typer.Context,
    name: Name,
    like: Annotated[str | None, typer.Option("--like", help="Copy this rule.", metavar="RULE")] = None,
    lane: Annotated[str | None, typer.Option("--lane", help="push, pull, human or internal; default: push.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a rule at stage plan, with its place at the end of its lane; without --like also the letter or note it sends."""
    door: Door = context.obj
    workspace, language = loaded(door), language_of(door)
    chosen = _lane(lane)
    if like is not None and lane is not None:
        raise typer.BadParameter("--like | --lane")
    if like is None:
        _write(door, new_rule(workspace, name, chosen, language), ("new.draft_next", {}), as_json=as_json)
    else:
        _write(door, like_rule(workspace, name, like, language), ("new.rule_next", {}), as_json=as_json)


def _lane(given: str | None) -> Lane:
    found = next((lane for lane in LANES if lane == (given or "push")), None)
    if found is None:
        raise typer.BadParameter(" | ".join(LANES), param_hint="--lane")
    return found


def mail_named(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Begin a mail: subject, HTML and text."""
    door: Door = context.obj
    workspace = loaded(door)
    texts = new_mail(workspace, name, workspace.settings.workspace.language)
    _write(door, texts, ("new.mail_next", {"name": f"mail/{name}"}), as_json=as_json)


def history_of(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(help="The rule that is to be tested.")],
    account: Annotated[str | None, typer.Option("--from", help="Begin from what happened to this account.", metavar="ACCOUNT")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of its file below rules/tests/; default: the rule's.", metavar="NAME")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Begin a test of a rule: what happened to an account, and what banso does then."""
    from engine.pipeline.retell import retell

    door: Door = context.obj
    check_name(name or rule)
    file = f"rules/tests/{name or rule}.test.yaml"
    with door.system() as system:
        if rule not in system.workspace.rules:
            raise refuse("E684", rule, name=rule, known=tuple(system.workspace.rules))
        if (door.config.workspace / file).exists():
            raise refuse("E683", file, name=name or rule, where=file)
        instant = parse_instant(at, system.workspace) if at else system.clock.now()
        text = retell(system, rule, account, instant).as_test(file, language_of(door))
    _write(door, {file: text}, ("new.test_next", {}), as_json=as_json)


def _write(door: Door, texts: Mapping[str, str], next_step: tuple[str, Mapping[str, object]], *, as_json: bool) -> None:
    """Write what lints with everything else, or nothing. Raises BansoError with the faults it would have."""
    root, language = door.config.workspace, language_of(door)
    workspace = _tried_out(root, texts)
    for file, text in texts.items():
        change_text(root / file, text)
    write_schemas(workspace, root, language)
    _say_written(list(texts), next_step, language, as_json=as_json)


def _tried_out(root: Path, texts: Mapping[str, str]) -> Workspace:
    with tempfile.TemporaryDirectory() as folder:
        for part in ("rules", "templates"):
            if (root / part).is_dir():
                shutil.copytree(root / part, Path(folder) / part)
        for file, text in texts.items():
            write_text(Path(folder) / file, text)
        return load_workspace(Path(folder), frozenset(CHANNELS))


def _say_written(files: list[str], next_step: tuple[str, Mapping[str, object]], language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json({"written": files})
        return
    for file in files:
        out.print(say(language, "new.done", file=file), soft_wrap=True)
    key, values = next_step
    out.print(say(language, key, **values), soft_wrap=True)
