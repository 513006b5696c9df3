"""For whoever is about to send for the first time: `banso mail check`."""

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine.channels.mail.preflight import names
from engine.cli.door import FAULTS, LEVELS, AsJson, Door, out, print_json
from engine.messages import Language, say
from engine.pipeline.mailcheck import Look, check_mail
from engine.workspace.legal import ITEMS


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Mail: what to look at before the first one goes.")
    group.command()(check)
    app.add_typer(group, name="mail")


def check(
    context: typer.Context,
    relay: Annotated[bool, typer.Option("--relay", help="Also connect to the relay and see whether it encrypts; no mail is sent.")] = False,
    resolver: Annotated[str | None, typer.Option(help="Ask this DNS server, ADDRESS or ADDRESS:PORT, instead of the machine's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look at texts, settings, relay and DNS records before mails go out; exit 1 if something would stop them or break the law."""
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        looks = check_mail(system, names(resolver), sys.version_info[:3], relay=relay)
        if as_json:
            print_json([{"name": look.name, "about": look.about, "level": look.level, "said": said(look, language), **look.values} for look in looks])
        else:
            _print_looks(looks, language)
    if any(look.level == "bad" for look in looks):
        raise typer.Exit(FAULTS)


def said(look: Look, language: Language) -> str:
    """What was found, in words."""
    values = dict(look.values)
    if "items" in values:
        listed = [say(language, f"legal.{item}") for item in ITEMS if item in look.values["items"]]  # type: ignore[operator]  # a legal look lists its items
        values["items"] = "、".join(listed) if language == "ja" else ", ".join(listed)
    return say(language, f"mailcheck.{look.said}", **values)


def _print_looks(looks: list[Look], language: Language) -> None:
    table = Table(title=say(language, "mailcheck.title"), title_justify="left")
    table.add_column("")
    for column in ("what", "about", "found"):
        table.add_column(say(language, f"mailcheck.{column}"), overflow="fold")
    before = ""
    for look, number in _folded(looks, language):
        what = say(language, f"mailcheck.{look.name}") if look.name != before else ""
        before = look.name
        about = look.about if number == 1 else say(language, "mailcheck.and_others", first=look.about, number=number - 1)
        table.add_row(LEVELS[look.level], what, escape(about), escape(said(look, language)))
    out.print(table)
    counts = {level: sum(look.level == level for look in looks) for level in LEVELS}
    out.print(say(language, "mailcheck.counts", **counts))


def _folded(looks: list[Look], language: Language) -> list[tuple[Look, int]]:
    """What is well in the same words of many is one line."""
    groups: dict[tuple[str, ...], list[Look]] = {}
    for look in looks:
        same = (look.name, said(look, language)) if look.level == "ok" else (look.name, look.about, look.said)
        groups.setdefault(same, []).append(look)
    return [(group[0], len(group)) for group in groups.values()]
