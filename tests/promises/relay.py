"""An SMTP relay that follows a script: at one phase of the conversation it answers badly, once, and everywhere else well."""

import datetime as dt
import ipaddress
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PHASES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "dot", "QUIT")
GOOD = {"CONNECT": b"220 relay ESMTP\r\n", "STARTTLS": b"220 go\r\n", "AUTH": b"235 2.7.0 in\r\n", "DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}
OK = b"250 2.0.0 OK\r\n"
SAID = {
    "4yz": b"451 4.3.0 come back later\r\n",
    "5yz": b"554 5.6.0 not this one\r\n",
    "421": b"421 4.3.2 closing\r\n",
    "4.7.x": b"450 4.7.1 too many from you\r\n",
    "5.7.x": b"550 5.7.1 not from you\r\n",
    "garbage": b"\x00what is this\r\n",
    "half a line": b"2",
    "half of many lines": b"250-and more to come\r\n",
}
ENDS = {"421", "half a line", "half of many lines", "cut", "reset"}
REPLIES = ("2yz", "2yz in single bytes", *SAID, "cut", "reset", "timeout")
OF_TLS = ("no handshake", "a certificate of nobody", "not offered")


class Over(Exception):
    """This conversation has ended."""


@dataclass
class Scripted:
    """`script` is what happens in the next conversation; `taken` every letter of which the relay has seen the final dot and not said no."""

    identity: ssl.SSLContext
    stranger: ssl.SSLContext
    script: tuple[str, str] | None = None
    taken: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)  # recipient -> MAIL FROM commands that came before it
    port: int = 0
    talks: list["Conversation"] = field(default_factory=list)

    def hang_up(self, said: bytes) -> None:
        """Close every connection from this side, as relays do with those that lay idle."""
        for talk in self.talks:
            with suppress(OSError):
                talk.connection.sendall(said)
                talk.connection.shutdown(socket.SHUT_RDWR)

    def serve(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        script, self.script = self.script, None
        conversation = Conversation(self, connection, script)
        self.talks.append(conversation)
        with suppress(Over, OSError):
            conversation.run()
        conversation.close()


@dataclass
class Conversation:
    relay: Scripted
    connection: socket.socket
    script: tuple[str, str] | None
    stream: BinaryIO = field(init=False)
    recipient: str = ""

    def __post_init__(self) -> None:
        self.stream = self.connection.makefile("rb")

    def close(self) -> None:
        """Both, for an open stream keeps its connection."""
        self.stream.close()
        self.connection.close()

    def run(self) -> None:
        self._say("CONNECT")
        while line := self.stream.readline():
            word = line.split(b" ")[0].strip().upper().decode("ascii", "replace")
            match word:
                case "EHLO" | "HELO":
                    self._say("EHLO", self._offers() if word == "EHLO" else OK)
                case "STARTTLS":
                    self._encrypt()
                case "DATA":
                    if self._say("DATA"):
                        self._content()
                case "RCPT":
                    self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                    self.relay.asked[self.recipient] += 1
                    self._say("RCPT")
                case "QUIT":
                    self._say("QUIT")
                    return
                case _:
                    self._say(word)

    def _offers(self) -> bytes:
        safe = isinstance(self.connection, ssl.SSLSocket)
        if self.script == ("STARTTLS", "not offered"):
            return OK
        return b"250-relay\r\n250 AUTH PLAIN\r\n" if safe else b"250-relay\r\n250 STARTTLS\r\n"

    def _encrypt(self) -> None:
        script = self.script
        if not self._say("STARTTLS"):
            return
        if script == ("STARTTLS", "no handshake"):
            self.connection.sendall(b"554 no TLS today\r\n")
            raise Over
        identity = self.relay.stranger if script == ("STARTTLS", "a certificate of nobody") else self.relay.identity
        self.stream.close()
        self.connection = identity.wrap_socket(self.connection, server_side=True)
        self.stream = self.connection.makefile("rb")

    def _content(self) -> None:
        message_id = ""
        while line := self.stream.readline():
            if line.lower().startswith(b"message-id:"):
                message_id = line.partition(b":")[2].strip().decode()
            if line == b".\r\n":
                break
        else:
            raise Over
        said_no = self.script is not None and self.script[0] == "dot" and self.script[1] in {"4yz", "5yz", "421", "4.7.x", "5.7.x"}
        self.relay.taken[message_id] += not said_no
        self._say("dot")

    def _say(self, phase: str, good: bytes = b"") -> bool:
        """Answer well, or as the script says. Returns whether all is well."""
        good = good or GOOD.get(phase, OK)
        fault = self.script[1] if self.script is not None and self.script[0] == phase else None
        if fault is None or fault in OF_TLS or fault == "2yz":
            self.connection.sendall(good)
            return True
        if phase != "EHLO":  # who is refused at EHLO asks again by HELO, and is refused again
            self.script = None
        if fault == "2yz in single bytes":
            for byte in good:
                self.connection.sendall(bytes([byte]))
            return True
        if fault == "timeout":
            while self.connection.recv(1024):
                """Nothing is said until the other one hangs up."""
            raise Over
        self.connection.sendall(SAID.get(fault, b""))
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault in ENDS:
            raise Over
        return False


@contextmanager
def scripted_relay(folder: Path) -> Iterator[Scripted]:
    """Runs until the block ends; `trusted.pem` in the folder is the certificate to trust."""
    relay = Scripted(_identity(folder, "trusted"), _identity(folder, "stranger"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay.port = server.getsockname()[1]
        thread = Thread(target=relay.serve, args=(server,), daemon=True)
        thread.start()
        yield relay
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _identity(folder: Path, name: str) -> ssl.SSLContext:
    """A key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = dt.datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), since, since.replace(year=2120))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    public = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.pem").write_bytes(public)
    (folder / f"{name}.both.pem").write_bytes(secret + public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.both.pem")
    return context
