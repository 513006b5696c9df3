"""What the world outside says before the first mail goes: does the relay encrypt, and which records stand in the DNS.

Nothing here is ever taken for granted: what could not be asked is `None`, and whoever shows it says that it was not looked at.
"""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.resolver
import dns.reversename

from engine.channels.mail.transport import SmtpTransport

DNS_SECONDS = 3.0  # for one question; after one that nobody answered none is asked any more


@dataclass(frozen=True)
class RelaySeen:
    """`encrypted`: the connection is, with a certificate that was checked; `problem`: why there is none."""

    host: str
    encrypted: bool
    problem: str = ""


def look_at_relay(url: str) -> RelaySeen:
    """Connect, greet, encrypt where it is offered, and leave; no mail is begun. Raises BansoError E630 for a URL that is none."""
    transport = SmtpTransport(url)
    try:
        session = transport.opened()
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        return RelaySeen(transport.host, encrypted=False, problem=f"{type(error).__name__}: {error}")
    try:
        return RelaySeen(transport.host, encrypted=isinstance(session.sock, ssl.SSLSocket))
    finally:
        session.close()


@dataclass
class Names:
    """The DNS as a resolver tells it: an empty list where there is no such record, None where nobody answers."""

    resolver: dns.resolver.Resolver | None
    _silent: bool = field(default=False, init=False)
    _knows_the_root: bool | None = field(default=None, init=False)

    def texts(self, name: str) -> Sequence[str] | None:
        return self._asked(lambda resolver: [b"".join(each.strings).decode("utf-8", "replace") for each in resolver.resolve(name, "TXT")])

    def reverse(self, host: str) -> Sequence[str] | None:
        """The names that the host's first address has."""

        def ask(resolver: dns.resolver.Resolver) -> list[str]:
            address = host if host.replace(".", "").isdigit() else str(next(iter(resolver.resolve(host, "A"))))
            return [str(each).rstrip(".") for each in resolver.resolve(dns.reversename.from_address(address), "PTR")]

        return self._asked(ask)

    def _sees_the_internet(self, resolver: dns.resolver.Resolver) -> bool:
        """Behind a closed network a resolver may say of every name that there is none: one that does not know the root knows nothing."""
        if self._knows_the_root is None:
            try:
                self._knows_the_root = bool(resolver.resolve(".", "NS"))
            except (dns.exception.DNSException, OSError):
                self._knows_the_root = False
        return self._knows_the_root

    def _asked(self, question: Callable[[dns.resolver.Resolver], list[str]]) -> list[str] | None:
        if self.resolver is None or self._silent or not self._sees_the_internet(self.resolver):
            return None
        try:
            return question(self.resolver)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):
            self._silent = True
            return None


def names(resolver: str | None = None) -> Names:
    """By the machine's own resolver, or by the one at `address` or `address:port`."""
    if resolver is None:
        try:
            found = dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            return Names(None)
    else:
        host, _, port = resolver.partition(":")
        found = dns.resolver.Resolver(configure=False)
        found.nameservers, found.port = [host], int(port or 53)
    found.lifetime = DNS_SECONDS
    return Names(found)
