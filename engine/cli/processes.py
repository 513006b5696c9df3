"""Processes that run unattended: nightly, worker, scheduler, serve, and up, which is all of them."""

import logging
from typing import Annotated

import typer
from rich.table import Table

from engine import logs
from engine.cli.designers import reason_in_words
from engine.cli.door import AsJson, At, Door, out, print_json, progress, shown
from engine.messages import Language, say
from engine.pipeline.nightly import Night
from engine.pipeline.nightly import nightly as run_nightly
from engine.pipeline.postal import deployment_of, mail_transport
from engine.pipeline.queues import queue_names
from engine.pipeline.system import System
from engine.touches.queue import MAIN
from engine.workspace.model import Workspace


def register(app: typer.Typer) -> None:
    for command in (nightly, worker, scheduler, serve, up):
        app.command()(command)


log = logging.getLogger("banso.worker")
Rehearse = Annotated[bool, typer.Option("--rehearse", help="Let --at lie in the future; only on a state folder made for it.")]


def nightly(context: typer.Context, at: At = None, rehearse: Rehearse = False, as_json: AsJson = False) -> None:
    """Decide for all accounts and plan the touches; the same night twice adds nothing."""
    from workers.app import make_app
    from workers.run import sweep_once

    door: Door = context.obj
    with door.system(at) as system:
        door.must_have_come(system.clock.now(), rehearse=rehearse)
        language = door.language(system)
        with progress(language, "nightly.running") as bar:
            night = run_nightly(system, system.clock.now(), bar)
        sweep_once(system, make_app(system.config))  # the doorbell, after everything is committed
        if as_json:
            print_json(night)
        else:
            print_night(night, system.workspace, language)


def print_night(night: Night, workspace: Workspace, language: Language) -> None:
    """What was decided, rule by rule, with the reasons."""
    key = "nightly.already" if night.already_done else "nightly.title"
    values = {"accounts": f"{night.accounts:,}", "matched": f"{night.matched:,}", "won": f"{night.won:,}"}
    out.print(say(language, key, slot=night.slot, at=shown(night.instant, workspace, "%Y-%m-%d %H:%M"), **values), style="italic", soft_wrap=True)
    if night.differing:
        out.print(say(language, "nightly.differing", accounts=", ".join(night.differing)), style="bold red", soft_wrap=True)
    table = Table()
    table.add_column(say(language, "plan.rule"))
    table.add_column(say(language, "plan.match"), justify="right")
    table.add_column(say(language, "plan.won"), justify="right")
    table.add_column(say(language, "plan.reason"))
    for rule, counts in night.outcomes.items():
        others = [reason_in_words(reason, number, language) for reason, number in counts.items() if reason not in {"match", "unknown", "won"}]
        table.add_row(rule, f"{counts.get('match', 0):,}", f"{counts.get('won', 0):,}", "、".join(others) if language == "ja" else ", ".join(others))
    out.print(table)


QueueArgument = Annotated[list[str] | None, typer.Argument(help="Queues to serve; default: all.")]


def worker(
    context: typer.Context,
    queues: QueueArgument = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Leave when nothing is due any more.")] = False,
    rehearse: Rehearse = False,
    at: At = None,
) -> None:
    """Send what is due: a Celery worker with a sweeper beside it."""
    from workers.run import run_worker

    door: Door = context.obj
    served = queues or list(queue_names(door.config))
    unknown = sorted(set(served) - set(queue_names(door.config)))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: {' | '.join(queue_names(door.config))}", param_hint="QUEUES")
    logs.set_up(door.config.log)
    with door.system(at) as system:
        door.must_have_come(system.clock.now(), rehearse=rehearse)
        if any(queue.partition(".")[0] == "mail" for queue in served):
            _look_at_mail(system, door.language(system))
        run_worker(system, served, until_idle=until_idle)


def _look_at_mail(system: System, language: Language) -> None:
    """What is wrong with the settings is told now, not at nine; and nobody shall wonder where the mails are."""
    for relay in (MAIN, *system.config.other_relays):
        mail_transport(system, relay).close()
    deployment_of(system.config)
    log.warning(say(language, f"mailmode.{system.config.delivery}", outbox=system.config.state_folder / "outbox"))  # words of ours, so not struck out


def scheduler(context: typer.Context, rehearse: Rehearse = False, at: At = None) -> None:
    """The clock: runs each night's slot once, catches up after downtime, and sweeps."""
    from workers.scheduler import run_scheduler

    door: Door = context.obj
    logs.set_up(door.config.log)
    with door.system(at) as system:
        door.must_have_come(system.clock.now(), rehearse=rehearse)
        run_scheduler(system)


def serve(context: typer.Context) -> None:
    """The web door: events of products, health, readiness, status and metrics."""
    from web.serve import run_web
    from workers.app import make_app, ring

    door: Door = context.obj
    logs.set_up(door.config.log)
    with door.system() as system:
        celery = make_app(system.config)
        run_web(system, lambda queue, ids: ring(celery, system.config, queue, ids))


PartArgument = Annotated[list[str] | None, typer.Argument(help="workers, scheduler, web, receiver; default: all of them.")]


def up(context: typer.Context, parts: PartArgument = None) -> None:
    """Everything in one process group: workers, scheduler and web, started again when they leave, fall silent or hang."""
    from workers.supervisor import PARTS, run_group

    door: Door = context.obj
    if unknown := sorted(set(parts or ()) - set(PARTS)):
        raise typer.BadParameter(f"{', '.join(unknown)}: {' | '.join(PARTS)}", param_hint="PARTS")
    logs.set_up(door.config.log)
    with door.system() as system:
        out.print(
            say(
                door.language(system),
                "up.running",
                url=f"http://{door.config.web_host}:{door.config.web_port}/status",
                state=door.config.state_folder,
            )
        )
        run_group(system, parts or PARTS)
