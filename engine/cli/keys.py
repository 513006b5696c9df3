"""Keys by which products send events: `banso key new`, `list`, `revoke`."""

import secrets
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.table import Table

from engine.cli.door import AsJson, Door, out, parse_instant, print_json, shown
from engine.cli.ops import By
from engine.cli.popups import print_tag
from engine.cli.watch import WITH_YEAR
from engine.ledger.keys import Key
from engine.messages import Language, say
from engine.pipeline.feedback import SCOPE as FEEDBACK
from engine.pipeline.feedback import feedback_secret
from engine.pipeline.keys import PREFIX, add_key, keys_of, revoke_key
from engine.pipeline.system import System
from engine.pipeline.visitors import SCOPE as POPUP
from engine.pipeline.visitors import popup_secret
from engine.workspace.model import Workspace

SECRET_BYTES = 32


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Keys by which products send events.")
    group.command("new")(new)
    group.command("list")(listed)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key")


Name = Annotated[str, typer.Argument(help="What the key is called in lists and logs, such as app-2026-04.")]


def new(
    context: typer.Context,
    name: Name,
    source: Annotated[
        list[str] | None, typer.Option(help="A source it may write for; more by saying it again. Names without a prefix belong to the first.")
    ] = None,
    scope: Annotated[
        str,
        typer.Option(
            help="What it is for: `ingest`, to send events; `popup`, to sign tokens of whoever is on the screen; `feedback`, to sign reports of bounces and complaints."
        ),
    ] = "ingest",
    until: Annotated[str | None, typer.Option(help="When it ends; default: when it is revoked.")] = None,
    by: By = "ops",
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once: only its hash is kept."""
    if scope == "ingest" and not source:
        raise typer.BadParameter("which source it may write for", param_hint="--source")
    door: Door = context.obj
    with door.system() as system:
        ends = parse_instant(until, system.workspace, "--until") if until else None
        secret = _secret(system, scope, name)
        add_key(system, secret, Key(name, frozenset({scope}), tuple(source or ()), system.clock.now(), by, ends))
        if as_json:
            print_json({"name": name, "key": secret})
        else:
            out.print(say(door.language(system), "apikey.made_now", name=name))
            out.print(secret, soft_wrap=True, highlight=False)
            if scope == POPUP:
                print_tag(door.config.public_url, door.language(system))


def _secret(system: System, scope: str, name: str) -> str:
    made: Mapping[str, Callable[[System, str], str]] = {POPUP: popup_secret, FEEDBACK: feedback_secret}
    return made[scope](system, name) if scope in made else PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def listed(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the keys, those that are over too; never the keys themselves."""
    door: Door = context.obj
    with door.system() as system:
        keys = keys_of(system)
        if as_json:
            print_json([{**vars(key), "scopes": sorted(key.scopes)} for key in keys])
        else:
            _print_keys(keys, system.workspace, door.language(system), system.clock.now())


def revoke(context: typer.Context, name: Name) -> None:
    """End a key; within a second nothing comes in by it any more."""
    door: Door = context.obj
    with door.system() as system:
        revoke_key(system, name)
        out.print(say(door.language(system), "apikey.revoked_now", name=name))


def _print_keys(keys: list[Key], workspace: Workspace, language: Language, now: int) -> None:
    table = Table()
    for column in ("name", "scopes", "sources", "by", "made", "used", "state"):
        table.add_column(say(language, f"apikey.{column}"), overflow="fold")
    for key in keys:
        state = "revoked" if key.revoked_at is not None else "ended" if key.expires_at is not None and key.expires_at <= now else "in_force"
        used = shown(key.used_at, workspace, WITH_YEAR) if key.used_at is not None else say(language, "apikey.never")
        made = shown(key.created_at, workspace, WITH_YEAR)
        words = (key.name, " ".join(sorted(key.scopes)), " ".join(key.sources), key.created_by, made, used)
        table.add_row(*words, say(language, f"apikey.{state}"))
    out.print(table)
