"""Many actors, one at a time: at every step of an actor the seed says who goes on, who dies and how far the clock goes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Semaphore, Thread

from engine.calendar import HOUR, SECOND

Run = Callable[[], None]
STEPS_MAX = 20_000  # a run that is not over by then never will be


class Killed(BaseException):
    """What SIGKILL looks like from inside: nothing of the actor's may take effect any more, whatever its `finally` tries."""


@dataclass
class Actor:
    """A process that steps when it is handed the baton."""

    name: str
    run: Run
    turn: Semaphore = field(default_factory=lambda: Semaphore(0))
    frozen_until: int = 0  # on the clock that never goes back
    doomed: bool = False
    over: bool = False
    problem: BaseException | None = None


@dataclass(frozen=True)
class Weather:
    """How likely what is at a step: a death, a lease that runs out meanwhile, a clock that is set."""

    kill: float = 0.0
    long_pause: float = 0.0
    clock_set: float = 0.0


CALM = Weather()


class Baton:
    """Runs the actors until all are over. The same seed gives the same run, to the last step."""

    def __init__(self, seed: int, start: int, weather: Weather) -> None:
        self.random = Random(seed)
        self.now, self.weather = start, weather
        self.uptime = self.steps = self.kills = 0
        self.told: list[str] = []
        self._actors: list[Actor] = []
        self._running: Actor | None = None
        self._back = Semaphore(0)

    def spawn(self, name: str, run: Run) -> Actor:
        actor = Actor(name, run)
        self._actors.append(actor)
        Thread(target=self._live, args=(actor,), name=name, daemon=True).start()
        return actor

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            actor.run()
        except Killed:
            pass
        except BaseException as problem:  # noqa: BLE001 - told by `run_all`, in the thread that waits for it
            actor.problem = problem
        actor.over = True
        self._back.release()

    def run_all(self, *, restart: Callable[[Actor], None] | None = None) -> None:
        """Hand the baton around until nobody is left; `restart` is told of each death."""
        while alive := [actor for actor in self._actors if not actor.over]:
            actor = self._next(alive)
            self._running = actor
            actor.turn.release()
            self._back.acquire()
            self._running = None
            if actor.problem is not None:
                raise actor.problem
            if actor.over and actor.doomed and restart is not None:
                restart(actor)
            if self.steps > STEPS_MAX:
                raise AssertionError(f"still running after {self.steps} steps: {[each.name for each in alive]}")

    def is_alive(self, kind: str) -> bool:
        """Whether any actor whose name begins so is not over."""
        return any(actor.name.startswith(kind) and not actor.over for actor in self._actors)

    def _next(self, alive: list[Actor]) -> Actor:
        """Somebody who is not frozen; where all are, the first to wake."""
        awake = [actor for actor in alive if actor.frozen_until <= self.uptime]
        if awake:
            return self.random.choice(awake)
        first = min(alive, key=lambda each: each.frozen_until)
        self._pass(first.frozen_until - self.uptime)
        return first

    def step(self, what: str) -> None:
        """Called by whoever holds the baton, at each call of a port: somebody else may go on here, and one may die here."""
        actor = self._running
        if actor is None:
            return
        if actor.doomed:
            raise Killed
        self.steps += 1
        self._weather(actor, what)
        self._back.release()
        actor.turn.acquire()
        if actor.doomed:
            raise Killed

    def _weather(self, actor: Actor, what: str) -> None:
        long = any(each.frozen_until > self.uptime for each in self._actors)  # the others go on while one is frozen
        self._pass(self.random.randrange(1, 20 * SECOND if long else SECOND // 2))
        if self.random.random() < self.weather.long_pause:
            actor.frozen_until = self.uptime + self.random.choice((40, 90, 200, 1500)) * SECOND
        if self.random.random() < self.weather.clock_set:
            self.now += self.random.choice((-HOUR, HOUR))
        if self.random.random() < self.weather.kill:
            self.doom(actor, what)

    def _pass(self, microseconds: int) -> None:
        self.now += microseconds
        self.uptime += microseconds

    @property
    def running(self) -> Actor | None:
        return self._running

    def doom(self, actor: Actor, what: str) -> None:
        """The actor dies at its next step, or in this one."""
        self.kills += 1
        actor.doomed = True
        self.told.append(f"step {self.steps}: {actor.name} killed at {what}")
