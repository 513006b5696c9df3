"""`banso order`: who goes first, as a table, and changes of it that keep the comments of order.yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.channels import CHANNELS
from engine.cli.door import AsJson, Door, out, print_json
from engine.cli.workshop import change_text, language_of, loaded, refresh_schemas
from engine.errors import BansoError, refuse
from engine.messages import Language, say
from engine.rulebook.actions import LANES, Lane
from engine.workspace.content import read_content
from engine.workspace.edit import insert_item, move_item
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from engine.workspace.tree import decoded, read_tree

Rule = Annotated[str, typer.Argument(help="The rule's name.")]
Before = Annotated[str | None, typer.Option("--before", help="The rule it goes before.", metavar="RULE")]
After = Annotated[str | None, typer.Option("--after", help="The rule it goes after.", metavar="RULE")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(invoke_without_command=True, help="Show who goes first, lane by lane; add and move rules.")
    group.callback()(show)
    group.command()(add)
    group.command()(move)
    for lane in LANES:
        group.command(lane, help=f"Show the order of the lane {lane}.")(_shower(lane))
    app.add_typer(group, name="order")


def show(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        _show(context.obj, LANES, as_json=as_json)


def _shower(lane: Lane) -> Callable[..., None]:
    def show_lane(context: typer.Context, as_json: AsJson = False) -> None:
        _show(context.obj, (lane,), as_json=as_json)

    return show_lane


def _show(door: Door, lanes: tuple[Lane, ...], *, as_json: bool) -> None:
    workspace = loaded(door)
    if as_json:
        print_json({lane: [_row(workspace, rank, name) for rank, name in enumerate(workspace.order[lane], 1)] for lane in lanes})
        return
    for lane in lanes:
        print_lane(workspace, lane, language_of(door))


def _row(workspace: Workspace, rank: int, name: str) -> dict[str, object]:
    rule = workspace.rules[name]
    return {"rank": rank, "rule": name, "title": rule.title, "stage": rule.stage, "owner": rule.owner, "place": workspace.places[name]}


def print_lane(workspace: Workspace, lane: Lane, language: Language) -> None:
    names = workspace.order[lane]
    if not names:
        out.print(f"[bold]{lane}[/bold]  {say(language, 'order.empty')}")
        return
    table = Table(title=say(language, "order.head_all" if lane == "internal" else "order.head", lane=lane), title_justify="left")
    for key in ("rank", "rule", "title", "stage", "owner"):
        table.add_column(say(language, f"order.{key}"), justify="right" if key == "rank" else "left")
    for rank, name in enumerate(names, 1):
        rule = workspace.rules[name]
        table.add_row(str(rank), name, escape(rule.title), rule.stage, rule.owner)
    out.print(table)


def add(context: typer.Context, rule: Rule, before: Before = None, after: After = None, as_json: AsJson = False) -> None:
    """Give a rule its place in the order; default: the end of its lane."""
    door: Door = context.obj
    lane = lane_of(door.config.workspace, rule)
    file, text, listed = _order(door.config.workspace, lane)
    if rule in listed:
        raise refuse("E686", file, name=rule, lane=lane)
    place = _place(rule, lane, file, text, before, after)
    place = len(listed) if place is None else place
    _write(door, file, insert_item(text, ("order", lane), place, rule))
    _say_done(door, rule, lane, place + 1, as_json=as_json)


def move(context: typer.Context, rule: Rule, before: Before = None, after: After = None, as_json: AsJson = False) -> None:
    """Give a rule another place in its lane."""
    door: Door = context.obj
    lane = lane_of(door.config.workspace, rule)
    file, text, listed = _order(door.config.workspace, lane)
    if rule not in listed:
        raise refuse("E684", file, name=rule, known=tuple(listed))
    place = _place(rule, lane, file, text, before, after)
    if place is None:
        raise typer.BadParameter("--before RULE | --after RULE")
    _write(door, file, move_item(text, ("order", lane), listed.index(rule), place))
    _say_done(door, rule, lane, place + 1, as_json=as_json)


def lane_of(root: Path, rule: str) -> Lane:
    """A rule's lane, also while it has no place in the order yet. Raises BansoError E684 if there is no such rule."""
    try:
        workspace = load_workspace(root, frozenset(CHANNELS))
    except BansoError as error:
        missing = next((fault for fault in error.faults if fault.code == "E401" and fault.values["name"] == rule), None)
        if missing is None:
            raise
        return next(lane for lane in LANES if lane == missing.values["lane"])
    if rule not in workspace.rules:
        raise refuse("E684", rule, name=rule, known=tuple(workspace.rules))
    return workspace.rules[rule].do.lane


def _order(root: Path, lane: Lane) -> tuple[str, str, list[str]]:
    """The file that holds `order:`, its text, and the names of a lane as they stand there."""
    for file, raw in read_content(root).items():
        text = decoded(raw, file) if file.startswith("rules/") and file.endswith(".yaml") else None
        if isinstance(text, str) and (lanes := _lanes(text)) is not None:
            return file, text, lanes[lane]
    raise refuse("E119", "rules", section="order")


def _lanes(text: str) -> dict[Lane, list[str]] | None:
    """Lane → names, as they stand in a text; None where it holds no order."""
    tree = read_tree(text.encode(), "text")[0]
    plain = tree.plain() if tree is not None else None
    order = plain.get("order") if isinstance(plain, dict) else None
    if not isinstance(order, dict):
        return None
    return {lane: [str(name) for name in names] if isinstance(names := order.get(lane), list) else [] for lane in LANES}


def _place(rule: str, lane: Lane, file: str, text: str, before: str | None, after: str | None) -> int | None:
    """The index among the others of its lane that the options ask for; None where they ask for none."""
    if before is not None and after is not None:
        raise typer.BadParameter("--before | --after")
    anchor = before or after
    if anchor is None:
        return None
    lanes = _lanes(text) or {}
    others = tuple(name for name in lanes.get(lane, ()) if name != rule)
    elsewhere = next((each for each, names in lanes.items() if each != lane and anchor in names), None)
    if elsewhere is not None:
        raise refuse("E687", file, name=anchor, rule=rule, lane=lane, other=elsewhere, choice=others)
    if anchor not in others:
        raise refuse("E684", file, name=anchor, known=others)
    return others.index(anchor) + (0 if before else 1)


def _write(door: Door, file: str, text: str) -> None:
    change_text(door.config.workspace / file, text)
    refresh_schemas(door)


def _say_done(door: Door, rule: str, lane: Lane, rank: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"rule": rule, "lane": lane, "rank": rank})
    else:
        out.print(say(language_of(door), "order.done", rule=rule, lane=lane, rank=rank), soft_wrap=True)
