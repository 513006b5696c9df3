"""Who is on the customer's screen: a token that the product's own server mints for whoever is signed in, for a quarter of an hour at most."""

import hmac
from dataclasses import dataclass

import jwt
from jwt.types import Options

from engine.calendar import SECOND
from engine.errors import refuse
from engine.ledger import keys as ledger_keys
from engine.pipeline.postal import deployment_of
from engine.pipeline.system import System

PREFIX = "ps_"
SCOPE = "popup"
ALGORITHM = "HS256"
LONGEST_SECONDS = 15 * 60
LEEWAY_SECONDS = 30  # clocks of servers differ
LONGEST_NAME = 200
BY_OUR_CLOCK: Options = {"require": ["exp", "iat", "sub", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


@dataclass(frozen=True)
class Visitor:
    """The person `contact` of `account`, as the product says."""

    account: str
    contact: str


class NoVisitor(Exception):
    """A token that tells nobody: forged, over, for another use, or its key was withdrawn."""


def popup_secret(system: System, name: str) -> str:
    """What a product's server signs tokens with. It is made from ours and the key's name, so nothing of it is stored. Raises BansoError E634."""
    secret = deployment_of(system.config).secret
    if secret is None:
        raise refuse("E634", "BANSO_SECRET_FILE", name=f"key new --scope {SCOPE}")
    return PREFIX + hmac.digest(secret, f"popup\0{name}".encode(), "sha256").hex()


def visitor_of(system: System, token: str) -> Visitor:
    """The visitor a token tells: a JWT (RFC 7519) with iss (the key's name), sub (the user), account, iat and exp. Raises NoVisitor."""
    now = system.clock.now() // SECOND
    try:
        name = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if not isinstance(name, str) or not _in_force(system, name):
            raise NoVisitor("no key of that name is in force for popups")
        claims = jwt.decode(token, popup_secret(system, name), algorithms=[ALGORITHM], options=BY_OUR_CLOCK)
    except (jwt.PyJWTError, ValueError) as problem:
        raise NoVisitor(type(problem).__name__) from problem
    since, until, account, contact = (claims.get(each) for each in ("iat", "exp", "account", "sub"))
    if not isinstance(since, int) or not isinstance(until, int) or until - since > LONGEST_SECONDS:
        raise NoVisitor(f"a token lasts {LONGEST_SECONDS} seconds at most")
    if not since - LEEWAY_SECONDS <= now <= until + LEEWAY_SECONDS:
        raise NoVisitor("the token is over, or not yet in force")
    if not _is_name(account) or not _is_name(contact):
        raise NoVisitor("account and sub are texts")
    return Visitor(str(account), str(contact))


def _in_force(system: System, name: str) -> bool:
    with system.ledger.read() as connection:
        key = ledger_keys.key_named(connection, name, system.clock.now())
    return key is not None and SCOPE in key.scopes


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
