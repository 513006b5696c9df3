"""Keys of products: made, looked up, withdrawn. A key is shown once; what is kept is its hash."""

from dataclasses import dataclass, field
from hashlib import sha256

from engine.clock import monotonic_seconds
from engine.errors import refuse
from engine.ledger import keys as ledger_keys
from engine.ledger.keys import Key
from engine.pipeline.system import System

PREFIX = "bk_"  # so that scanners for leaked secrets can know one
SCOPES = ("ingest", "popup", "feedback")
KNOWN_SECONDS = 1.0  # how long a looked-up key is believed; a withdrawn one works no longer than that
USED_SECONDS = 60.0  # how often the last use is written down


def add_key(system: System, secret: str, key: Key) -> None:
    """Let a key in. Raises BansoError E656 for a source that is not declared, E654 for an unknown scope, E653 for a name that was used before."""
    known = system.workspace.settings.sources
    for source in key.sources:
        if source not in known:
            raise refuse("E656", source, name=source, known=tuple(known))
    for scope in sorted(key.scopes):
        if scope not in SCOPES:
            raise refuse("E654", scope, name=scope, known=SCOPES)
    with system.ledger.write() as connection:
        if not ledger_keys.add_key(connection, key, hash_of(secret)):
            raise refuse("E653", key.name, name=key.name)


def revoke_key(system: System, name: str) -> None:
    """Raises BansoError E655 if no key of that name is in force."""
    with system.ledger.write() as connection:
        if not ledger_keys.revoke(connection, name, system.clock.now()):
            raise refuse("E655", name, name=name, known=tuple(key.name for key in ledger_keys.all_keys(connection) if key.revoked_at is None))


def keys_of(system: System) -> list[Key]:
    with system.ledger.read() as connection:
        return ledger_keys.all_keys(connection)


def hash_of(secret: str) -> str:
    """A key is 256 random bits, so that a plain hash cannot be guessed back."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()


@dataclass
class Keyring:
    """Keys as one process looks them up: each is asked for again after a second."""

    system: System
    _found: dict[str, tuple[float, Key | None]] = field(default_factory=dict)
    _used: dict[str, float] = field(default_factory=dict)

    def find(self, secret: str) -> Key | None:
        """The key, if it is in force."""
        now, digest = monotonic_seconds(), hash_of(secret)
        looked_at, key = self._found.get(digest, (-KNOWN_SECONDS, None))
        if now - looked_at >= KNOWN_SECONDS:
            with self.system.ledger.read() as connection:
                key = ledger_keys.find_key(connection, digest, self.system.clock.now())
            self._found = {name: each for name, each in self._found.items() if now - each[0] < KNOWN_SECONDS} | {digest: (now, key)}
        if key is not None:
            self._mark_used(key.name, now)
        return key

    def _mark_used(self, name: str, now: float) -> None:
        if now - self._used.get(name, -USED_SECONDS) >= USED_SECONDS:
            self._used[name] = now
            with self.system.ledger.write() as connection:
                ledger_keys.mark_used(connection, name, self.system.clock.now())
