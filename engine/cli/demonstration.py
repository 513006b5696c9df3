"""`banso demo`: a quarter of simulated companies, the last nights run for real, and a look at the result."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule

from engine.calendar import instant_of
from engine.cli.accounts import print_explanation, print_timeline
from engine.cli.designers import print_plan
from engine.cli.door import Door, opened, out, progress, shown
from engine.cli.mailserver import Mailbox, mail_server
from engine.clock import SystemClock
from engine.config import Config
from engine.messages import Language, say
from engine.pipeline.example import example_root
from engine.pipeline.explain import explain
from engine.pipeline.load import Origin, load
from engine.pipeline.nightly import nightly
from engine.pipeline.ops import status
from engine.pipeline.plan import plan
from engine.pipeline.sent import SentTouch, sent_touches
from engine.pipeline.system import System
from engine.pipeline.timeline import timeline
from engine.simulator import Delivered, World

START = date(2026, 1, 5)
LAST_NIGHT = date(2026, 4, 8)  # a Wednesday in the season of entries and briefings
ZONE = ZoneInfo("Asia/Tokyo")
LOADS, NIGHT, MORNING = time(1, 50), time(2), time(11, 31)  # by then all that the night decided is due


@dataclass
class Demo:
    """One run of the demonstration."""

    door: Door
    system: System
    world: World
    language: Language
    data: Path
    url: str
    mailbox: Mailbox

    def note(self, key: str, **values: object) -> None:
        out.print(say(self.language, key, **values), soft_wrap=True)

    def live_until(self, moment: datetime) -> None:
        """Let the companies live on, and load what they left in the logs."""
        self.world.advance(moment)
        self.world.export(self.data)
        self.system.clock = SystemClock.starting_at(instant_of(moment))
        with progress(self.language, "load.running") as bar:
            load(self.system, [], Origin(self.data, {}), bar)

    def run_night(self, day: date) -> None:
        """Decide at night, send in the morning through a worker process, and let the mails act."""
        self.live_until(datetime.combine(day, LOADS, ZONE))
        instant = instant_of(datetime.combine(day, NIGHT, ZONE))
        self.system.clock = SystemClock.starting_at(instant)
        with progress(self.language, "nightly.running") as bar:
            night = nightly(self.system, instant, bar)
        before = len(self.mailbox.received)
        morning = datetime.combine(day, MORNING, ZONE)
        self._send(morning)
        new = self.mailbox.touches()[before:]
        for touch in sent_touches(self.system, new):
            self.world.deliver(_delivered(touch, morning))
        self.note("demo.night", date=day.isoformat(), won=night.won, sent=len(new))

    def _send(self, morning: datetime) -> None:
        config = self.system.config
        command = [sys.executable, "-m", "engine.cli", "-w", str(config.workspace), "--state", str(config.state_folder)]
        command += ["worker", "--until-idle", "--rehearse", "--at", morning.isoformat()]
        settings = {**os.environ, "BANSO_SMTP_URL": self.url, "BANSO_DELIVERY": "production", "BANSO_SWEEP_SECONDS": "1"}
        ended = subprocess.run(command, check=False, env=settings, capture_output=True, text=True)  # its farewell is of no use here
        if ended.returncode:
            sys.stderr.write(ended.stderr)
            raise subprocess.CalledProcessError(ended.returncode, command)


def _delivered(touch: SentTouch, at: datetime) -> Delivered:
    return Delivered(account_id=touch.account_id, contact_id=touch.contact_id or "", rule=touch.rule, step=touch.step or "", at=at)


def run_demo(door: Door, *, companies: int, seed: int, nights: int) -> None:
    """The whole demonstration, on the example workspace and in a state folder of its own."""
    root = door.config.workspace if (door.config.workspace / "rules").is_dir() else example_root()
    state = door.config.state_folder / "demo"
    shutil.rmtree(state, ignore_errors=True)
    config = Config(workspace=root, state=state, language=door.config.language)
    days = _business_days_before(LAST_NIGHT, nights)
    with mail_server() as (url, mailbox), opened(config) as system:
        language = door.language(system)
        values = {"companies": f"{companies:,}", "start": START.isoformat(), "end": LAST_NIGHT.isoformat()}
        out.print(say(language, "demo.simulate", **values))
        world = World(seed=seed, companies=companies, start=START)
        demo = Demo(door, system, world, language, state / "data", url, mailbox)
        for day in days:
            demo.run_night(day)
        demo.live_until(datetime.combine(LAST_NIGHT + timedelta(days=1), LOADS, ZONE))
        system.clock = SystemClock.starting_at(instant_of(datetime.combine(LAST_NIGHT + timedelta(days=1), NIGHT, ZONE)))
        _show(demo)


def _business_days_before(last: date, number: int) -> list[date]:
    days = [last - timedelta(days=back) for back in range(2 * number + 7)]
    return sorted([day for day in days if day.weekday() < 5][:number])


def _show(demo: Demo) -> None:
    """Tonight's plan, one account that was written to, its mail, and where to look next."""
    system, language, workspace = demo.system, demo.language, demo.system.workspace
    now = system.clock.now()
    out.print(Rule(say(language, "demo.plan")))
    with progress(language, "plan.running") as bar:
        print_plan(plan(system, now, bar), workspace, language)
    touches = sent_touches(system, demo.mailbox.touches())
    if touches:
        _show_account(demo, touches[-1])
    ids = demo.mailbox.touches()
    unknown = status(system).states.get("unknown", 0)
    demo.note("demo.doubled", mails=len(ids), doubled=len(ids) - len(set(ids)), unknown=unknown)
    effects = demo.world.truth()
    moved, caused = sum(effect.moved for effect in effects), sum(effect.caused for effect in effects)
    demo.note("demo.effect", touches=len(effects), moved=moved, caused=caused)
    _show_next(demo, touches)


def _show_account(demo: Demo, touch: SentTouch) -> None:
    system, language, workspace = demo.system, demo.language, demo.system.workspace
    out.print(Rule(say(language, "demo.account")))
    print_explanation(explain(system, touch.account_id, touch.decided_at), workspace, language)
    moments = timeline(system, touch.account_id, system.clock.now())
    print_timeline(touch.account_id, moments[-14:], workspace, language)
    out.print(Rule(say(language, "demo.mail")))
    message = demo.mailbox.received[demo.mailbox.touches().index(touch.id)]
    text = message.get_body(("plain",))
    body = text.get_content().strip() if text is not None else ""
    out.print(f"From: {escape(str(message['From']))}\nTo: {escape(str(message['To']))}", soft_wrap=True)
    out.print(Panel(escape(body), title=escape(str(message["Subject"])), expand=False))


def _show_next(demo: Demo, touches: list[SentTouch]) -> None:
    """Commands that work on what was just made."""
    config, now = demo.system.config, shown(demo.system.clock.now(), demo.system.workspace, "%Y-%m-%d")
    command = f"banso --state {os.path.relpath(config.state_folder)}"
    account = touches[-1].account_id if touches else "ACCOUNT"
    out.print(Rule(say(demo.language, "demo.next")))
    for rest in (
        f"plan --at {now}",
        f"explain {account} --at {now}",
        f"timeline {account} --at {now}",
        f"preview next-setting {account} --at {now}",
        f"facts {account} --at {now}",
        f"report funnel --at {now}",
        f"ops status --at {now}",
    ):
        out.print(f"  .venv/bin/{command} {rest}", soft_wrap=True, highlight=False)
