"""Mail: what to look at before the first one goes, and what comes back: `banso mail check`, `take`, `receive`, `replies`."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from engine import logs
from engine.channels.mail.preflight import names
from engine.cli.door import FAULTS, LEVELS, AsJson, Door, out, print_json, shown
from engine.cli.watch import WITH_YEAR, table_of
from engine.errors import refuse
from engine.messages import Language, say
from engine.pipeline.mailcheck import Look, check_mail
from engine.pipeline.maildrop import take_files
from engine.pipeline.returns import Fate, replies_of
from engine.workspace.legal import ITEMS


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Mail: what to look at before the first one goes, and what comes back.")
    for command in (check, take, receive, replies):
        group.command()(command)
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


# --- what comes back --------------------------------------------------------------------------------------------------


def take(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Messages, folders of them, or Maildirs. They stay where they are.", exists=True)],
    as_json: AsJson = False,
) -> None:
    """Take messages that came back: bounces, complaints, replies. What was taken before changes nothing."""
    door: Door = context.obj
    with door.system() as system:
        found = [(str(path), fate) for path, fate in take_files(system, paths)]
        if as_json:
            print_json([{"file": path, **vars(fate)} for path, fate in found])
        else:
            _print_fates([fate for _, fate in found], door.language(system))


def _print_fates(fates: list[Fate], language: Language) -> None:
    table = table_of(language, "status.returned", ("kind", "fate", "why", "number"))
    for (word, kind, reason), number in sorted(Counter((each.word, each.kind or "", each.reason or "") for each in fates).items()):
        why = say(language, f"aside.{reason}") if reason else ""
        table.add_row(say(language, f"returned.{kind}") if kind else "–", say(language, f"fate.{word}"), why, f"{number:,}")
    out.print(table)


def receive(context: typer.Context) -> None:
    """Take what comes back by mail at BANSO_MAIL_RECEIVE, until told to stop: LMTP behind a mail server, or SMTP."""
    from workers.receiver import run_receiver

    door: Door = context.obj
    if door.config.mail_receive is None:
        raise refuse("E674", "BANSO_MAIL_RECEIVE")
    logs.set_up(door.config.log)
    with door.system() as system:
        run_receiver(system)


def replies(
    context: typer.Context,
    account: Annotated[str | None, typer.Argument(help="The account's id; default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what people wrote back."""
    door: Door = context.obj
    with door.system() as system:
        found = replies_of(system, account, limit)
        if as_json:
            print_json(found)
            return
        for each in found:
            head = f"{shown(each.at, system.workspace, WITH_YEAR)}  {each.account_id}  {each.contact_id or '–'}  {each.writer or '–'}  ({each.rule})"
            out.print(head, style="bold", markup=False, soft_wrap=True)
            out.print(f"{each.subject or ''}\n\n{each.text or ''}\n", markup=False, highlight=False, soft_wrap=True)
        if not found:
            out.print(say(door.language(system), "status.no_replies"))
