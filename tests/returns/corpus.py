"""Messages that came back, in the shapes in which mail systems of the world write them; names and words are ours. Each is of one letter that went out."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from tests.inbox import Mail


@dataclass(frozen=True)
class Sent:
    """A letter that went out, as whoever gives it back knows it."""

    to: str
    verp: str
    message_id: str
    envelope: str
    refuse: str

    @classmethod
    def of(cls, mail: Mail) -> "Sent":
        first = str(mail.message["List-Unsubscribe"]).partition(",")[0].strip("<>")
        return cls(mail.to[0], mail.sender, mail.message_id, mail.message_id.strip("<>").partition("@")[0], first)


@dataclass(frozen=True)
class Shape:
    """How a message looks and what it is: a kind, or the reason why it is kept aside."""

    kind: str
    text: str
    charset: str = "utf-8"

    def of(self, sent: Sent, number: int = 0) -> bytes:
        """The message about a letter. `number` tells several of one shape apart."""
        words = {
            "@HEAD@": HEAD,
            "@VERP@": sent.verp,
            "@TO@": sent.to,
            "@MID@": sent.message_id,
            "@ENVID@": sent.envelope,
            "@REFUSE@": sent.refuse,
            "@N@": f"{number}.{sent.envelope[:8]}",
            "@LOCAL@": sent.to.partition("@")[0],
        }
        text = self.text
        for word, value in words.items():
            text = text.replace(word, value)
        return text.strip("\n").replace("\n", "\r\n").encode(self.charset) + b"\r\n"


HEAD = """Return-Path: <@VERP@>
Received: from relay.example (relay.example [192.0.2.7]) by mx.receiver.example with ESMTPS id 4TzQ; Tue, 7 Apr 2026 10:31:02 +0900
From: =?utf-8?B?5o6h55So566h55CG?= <cs@example.jp>
To: <@TO@>
Subject: =?utf-8?B?5qyh44Gu6Kit5a6a?=
Date: Tue, 7 Apr 2026 10:31:00 +0900
Message-ID: @MID@
List-Unsubscribe: <@REFUSE@>,
 <mailto:unsubscribe@example.jp>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Feedback-ID: next-setting:0a1b2c3d4e5f:banso:saiyo-cs
Auto-Submitted: auto-generated
MIME-Version: 1.0"""


def report(sender: str, said: str, fields: str, *, top: str = "", part: str = "message/delivery-status", inner: str = "message/rfc822") -> str:
    """A delivery report as RFC 3464 has it. `fields`: those of the message, a blank line, those of the recipient."""
    return f"""Return-Path: <>
From: {sender}
To: <@VERP@>
Subject: Undelivered Mail Returned to Sender
Date: Tue, 7 Apr 2026 10:31:05 +0900
Message-ID: <20260407013105.@N@@mx.receiver.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
{top}Content-Type: multipart/report; report-type=delivery-status;
 boundary="4TzQ0x3Kz1.1775525465/mx.receiver.example"

This is a MIME-encapsulated message.

--4TzQ0x3Kz1.1775525465/mx.receiver.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{said}

--4TzQ0x3Kz1.1775525465/mx.receiver.example
Content-Description: Delivery report
Content-Type: {part}

{fields}

--4TzQ0x3Kz1.1775525465/mx.receiver.example
Content-Description: Undelivered Message
Content-Type: {inner}

@HEAD@

6L+R5pel

--4TzQ0x3Kz1.1775525465/mx.receiver.example--
"""


def postfix(status: str, said: str, action: str = "failed", recipient: str = "@TO@") -> str:
    fields = f"""Reporting-MTA: dns; mx.receiver.example
X-Postfix-Queue-ID: 4TzQ0x3Kz1
X-Postfix-Sender: rfc822; @VERP@
Arrival-Date: Tue,  7 Apr 2026 10:31:02 +0900 (JST)

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mail.firm.example
Diagnostic-Code: {said}"""
    return report("MAILER-DAEMON@mx.receiver.example (Mail Delivery System)", f"I'm sorry to have to inform you.\n\n<{recipient}>: {said}", fields)


def exchange(status: str, said: str) -> str:
    fields = f"""Reporting-MTA: dns;TYAPR01MB0001.mail.protection.firm.example
Received-From-MTA: dns;relay.example
Arrival-Date: Tue, 7 Apr 2026 01:31:02 +0000

Final-Recipient: rfc822;@TO@
Action: failed
Status: {status}
Diagnostic-Code: smtp;{said}
X-Display-Name: 田中"""
    return report(
        "postmaster@firm.example",
        "@TO@ へのメッセージを配信できませんでした。",
        fields,
        top="X-MS-Exchange-Message-Is-Ndr:\nContent-Language: ja-JP\nIn-Reply-To: @MID@\nReferences: @MID@\n",
    )


def gmail(status: str, said: str, action: str = "failed") -> str:
    fields = f"""Reporting-MTA: dns; mailhost.example
Received-From-MTA: dns; @VERP@
Arrival-Date: Mon, 06 Apr 2026 18:31:02 -0700 (PDT)
X-Original-Message-ID: @MID@

Final-Recipient: rfc822; @TO@
Action: {action}
Status: {status}
Remote-MTA: dns; mx.firm.example. (192.0.2.9, the server for the domain firm.example.)
Diagnostic-Code: smtp; {said}
Last-Attempt-Date: Mon, 06 Apr 2026 18:31:05 -0700 (PDT)"""
    top = "X-Failed-Recipients: @TO@\nIn-Reply-To: @MID@\nReferences: @MID@\n"
    sender = "Mail Delivery Subsystem <mailer-daemon@mailhost.example>"
    return report(sender, "** Address not found **\n\nYour message wasn't delivered.", fields, top=top, inner="text/rfc822-headers")


def daemon(said: str, sender: str = "MAILER-DAEMON@carrier.example", top: str = "") -> str:
    """A bounce in words alone, as it was before there were forms."""
    return f"""Return-Path: <>
From: Mail Administrator <{sender}>
To: <@VERP@>
Subject: Mail System Error - Returned Mail
Date: Tue, 7 Apr 2026 10:31:05 +0900
Message-ID: <20260407013105.@N@@carrier.example>
{top}MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

{said}
"""


def complaint(fields: str, head: str = "@HEAD@", inner: str = "message/rfc822") -> str:
    return f"""Return-Path: <>
From: Feedback Loop <feedback@provider.example>
To: <feedback@bounce.example.jp>
Subject: complaint about message from 192.0.2.7
Date: Tue, 7 Apr 2026 12:00:00 +0900
Message-ID: <arf.@N@@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP 192.0.2.7 on Tue, 7 Apr 2026 11:59:41 +0900.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

{fields}

--part1_13d.2e68ed54_boundary
Content-Type: {inner}
Content-Disposition: inline

{head}

Spam Spam Spam
--part1_13d.2e68ed54_boundary--
"""


ABUSE = """Feedback-Type: {kind}
User-Agent: FeedbackLoop/1.0
Version: 1
Original-Mail-From: <{sender}>
Arrival-Date: Tue, 7 Apr 2026 11:59:41 +0900
Reported-Domain: example.jp
Source-IP: 192.0.2.7"""
REDACTED = "\n".join(line for line in HEAD.splitlines() if not line.startswith(("To:", "Return-Path:"))) + "\nTo: <redacted@provider.example>"


def person(
    text: str, top: str = "In-Reply-To: @MID@\nReferences: @MID@\n", kind: str = "text/plain; charset=utf-8", subject: str = "Re: 次の設定"
) -> str:
    return f"""Return-Path: <@LOCAL@@firm.example>
From: 田中 <@TO@>
To: cs@example.jp
Subject: {subject}
Date: Tue, 7 Apr 2026 13:00:00 +0900
Message-ID: <CA+@N@@mail.firm.example>
{top}MIME-Version: 1.0
Content-Type: {kind}

{text}
"""


def jis(text: str) -> str:
    return base64.b64encode(text.encode("iso2022_jp")).decode()


YAHOO = """Hi. This is the qmail-send program at mail.portal.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<@TO@>:
192.0.2.80 failed after I sent the message.
Remote host said: 554 delivery error: dd This user doesn't have a portal.example account (@TO@) [0] - mta1.mail.portal.example

--- Below this line is a copy of the message.

@HEAD@

body"""
CARRIER = """The original message was received at Tue, 7 Apr 2026 10:31:02 +0900
from relay.example [192.0.2.7]

   ----- The following addresses had permanent fatal errors -----
<@TO@>

   ----- Transcript of session follows -----
... while talking to lsean.carrier.example.:
>>> RCPT To:<@TO@>
<<< 550 Unknown user @TO@
550 5.1.1 <@TO@>... User unknown

   ----- Original message follows -----

@HEAD@"""
DISABLED = """   ----- Transcript of session follows -----
The user(s) account is disabled.

<@TO@>: 550 User unknown

   ----- Original message follows -----

@HEAD@"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  @TO@
    host mx.firm.example [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<@TO@>:
    550 5.1.1 <@TO@>: Recipient address rejected: User unknown in virtual mailbox table

------ This is a copy of the message, including all the headers. ------

@HEAD@"""
QUOTED = "承知しました。来週から使います。\n\n2026年4月7日(火) 10:31 採用管理 <cs@example.jp>:\n\n> 次は初期設定です。\n"

GMAIL_NONE = "550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 g1-20020a17 - gsmtp"
GMAIL_FAKE = "550-5.7.26 Your email has been blocked because the sender is unauthenticated. 550 5.7.26 - gsmtp"
NOT_FOUND = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient @TO@ not found by SMTP address lookup"
TRAP = "smtp; 550 5.7.1 Service unavailable, client host [192.0.2.7] blocked: user unknown"
RECEIPT = """Return-Path: <@TO@>
From: <@TO@>
To: <cs@example.jp>
Subject: =?utf-8?B?6ZaL5bCBOiDmrKHjga7oqK3lrpo=?=
Message-ID: <mdn.@N@@mail.firm.example>
In-Reply-To: @MID@
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=mdn

--mdn
Content-Type: text/plain; charset=utf-8

開封されました。
--mdn
Content-Type: message/disposition-notification

Final-Recipient: rfc822;@TO@
Original-Message-ID: @MID@
Disposition: manual-action/MDN-sent-manually; displayed
--mdn--
"""
OUT = "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\nIn-Reply-To: @MID@\n"
BOTH = """--=_mix
Content-Type: text/plain; charset=iso-2022-jp
Content-Transfer-Encoding: base64

{jis}
--=_mix
Content-Type: text/html; charset=iso-2022-jp
Content-Transfer-Encoding: 7bit

<html><body>x</body></html>
--=_mix--"""

KNOWN: Mapping[str, Shape] = {
    "Postfix: no such user": Shape("hard", postfix("5.1.1", "smtp; 550 5.1.1 <@TO@>: Recipient address rejected: User unknown")),
    "Postfix: no such domain": Shape("hard", postfix("5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=firm.example")),
    "Postfix: null MX": Shape("hard", postfix("5.1.10", "X-Postfix; Recipient address rejected: Domain firm.example does not accept mail (nullMX)")),
    "Postfix: code in the words alone": Shape("hard", postfix("5.0.0", "smtp; 550 5.1.1 unknown or illegal alias")),
    "Postfix: a carrier's server without codes": Shape("hard", postfix("5.0.0", "smtp; 550 Unknown user @TO@")),
    "Postfix: mailbox disabled": Shape("hard", postfix("5.2.1", "smtp; 550 5.2.1 mailbox disabled, not accepting messages")),
    "Postfix: mailbox full": Shape("soft", postfix("5.2.2", "smtp; 552 5.2.2 <@TO@>: Mailbox full")),
    "Postfix: given up after five days": Shape(
        "soft", postfix("4.4.1", "X-Postfix; connect to mail.firm.example[192.0.2.9]:25: Connection timed out")
    ),
    "Postfix: said no without a word": Shape("soft", postfix("5.0.0", "smtp; 554 transaction failed")),
    "Postfix: somebody of a list": Shape("soft", postfix("5.1.1", "smtp; 550 5.1.1 User unknown", recipient="suzuki@list.example")),
    "Postfix: blocked, though it speaks of users": Shape("policy", postfix("5.7.1", TRAP)),
    "Postfix: blocked, with no code": Shape("policy", postfix("5.0.0", "smtp; 554 Message rejected as spam; user unknown")),
    "Postfix: the sender is none": Shape("policy", postfix("5.1.8", "smtp; 550 5.1.8 Sender address rejected: Domain not found")),
    "Postfix: delayed": Shape("notice", postfix("4.4.1", "X-Postfix; Connection timed out", action="delayed")),
    "Postfix: delivered": Shape("notice", postfix("2.0.0", "smtp; 250 2.0.0 Ok", action="delivered")),
    "Postfix: headers alone, in SMTPUTF8": Shape(
        "hard",
        postfix("5.1.1", "smtp; 550 5.1.1 User unknown")
        .replace("message/delivery-status", "message/global-delivery-status")
        .replace("message/rfc822", "message/global-headers")
        .replace("rfc822;", "utf-8;"),
    ),
    "Postfix: cut on its way": Shape(
        "hard", postfix("5.1.1", "smtp; 550 5.1.1 User unknown").partition("--4TzQ0x3Kz1.1775525465/mx.receiver.example--")[0]
    ),
    "Exchange: not found": Shape("hard", exchange("5.1.10", NOT_FOUND)),
    "Exchange: not in the directory": Shape("hard", exchange("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. [TYAPR01.example]")),
    "Exchange: no such domain": Shape("hard", exchange("5.4.310", "550 5.4.310 DNS domain firm.example does not exist")),
    "Exchange: not allowed to write": Shape("policy", exchange("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup")),
    "Exchange: bulk sender unauthenticated": Shape(
        "policy", exchange("5.7.515", "550 5.7.515 Access denied, sending domain does not meet the level")
    ),
    "Exchange: full": Shape("soft", exchange("5.2.2", "552 5.2.2 STOREDRV.Deliver: mailbox full. quota exceeded")),
    "Gmail: no such account": Shape("hard", gmail("5.1.1", GMAIL_NONE)),
    "Gmail: over quota": Shape("soft", gmail("5.2.2", "552-5.2.2 The recipient's inbox is out of storage space. 552 5.2.2 - gsmtp")),
    "Gmail: unauthenticated": Shape("policy", gmail("5.7.26", GMAIL_FAKE)),
    "Gmail: delayed": Shape("notice", gmail("4.4.1", "The recipient server did not accept our requests to connect.", action="delayed")),
    "Yahoo Japan's way": Shape("hard", daemon(YAHOO, "MAILER-DAEMON@mail.portal.example")),
    "docomo's way": Shape("hard", daemon(CARRIER)),
    "au's way": Shape("hard", daemon(DISABLED, "Postmaster@carrier.example")),
    "Exim": Shape("hard", daemon(EXIM, "Mailer-Daemon@host.example", "X-Failed-Recipients: @TO@\nAuto-Submitted: auto-replied\n")),
    "complaint with the whole message": Shape("complaint", complaint(ABUSE.format(kind="abuse", sender="@VERP@"))),
    "complaint of fraud, headers alone": Shape("complaint", complaint(ABUSE.format(kind="fraud", sender="@VERP@"), inner="text/rfc822-headers")),
    "complaint without names, known by its link": Shape("complaint", complaint(ABUSE.format(kind="abuse", sender="redacted"), REDACTED)),
    "it was no spam after all": Shape("notice", complaint(ABUSE.format(kind="not-spam", sender="@VERP@"))),
    "reply, Gmail in Japanese": Shape("reply", person(QUOTED)),
    "reply, Outlook in ISO-2022-JP": Shape(
        "reply",
        person(
            BOTH.format(jis=jis("ありがとうございます。\n電話をください。\n\n-----Original Message-----\nFrom: 採用管理\n\n次は")),
            kind='multipart/alternative; boundary="=_mix"',
        ),
    ),
    "reply, a phone in Shift_JIS": Shape(
        "reply",
        person("明日でお願いします\n\nOn Tue, Apr 7, 2026 at 10:31 AM cs <cs@example.jp> wrote:\n> 次は", kind="text/plain; charset=Shift_JIS"),
        "cp932",
    ),
    "reply, HTML alone": Shape(
        "reply", person("<html><head><style>p{}</style></head><body><p>了解&amp;感謝</p></body></html>", kind="text/html; charset=utf-8")
    ),
    "reply, far down a thread": Shape(
        "reply", person("はい。", top="In-Reply-To: <other@firm.example>\nReferences: @MID@\n <a@firm.example> <b@firm.example>\n")
    ),
    "reply through a list": Shape("reply", person("見ました。", top="In-Reply-To: @MID@\nPrecedence: list\nList-Id: <hr.firm.example>\n")),
    "absence, Exchange": Shape("automatic", person("外出しております。", top=OUT, subject="自動応答: 次の設定")),
    "absence, by its subject": Shape("automatic", person("休暇中です。", subject="=?utf-8?B?6Ieq5YuV6L+U5L+h77ya5LiN5Zyo44Gu44GK55+l44KJ44Gb?=")),
    "vacation": Shape("automatic", person("I am away.", top="Precedence: bulk\nX-Autoreply: yes\nIn-Reply-To: @MID@\n", subject="Re: setup")),
    "opened": Shape("automatic", RECEIPT),
}


def nested(levels: int) -> bytes:
    """Parts within parts."""
    head = b"From: a@b.example\r\nTo: c@d.example\r\n"
    body = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(levels))
    return head + body + b"\r\nend\r\n"


def many_parts(number: int) -> bytes:
    return b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * number + b"--b--\r\n"


def large(size: int, beginning: bytes) -> bytes:
    """A message of that many bytes that begins as another does."""
    return beginning + b"A" * (size - len(beginning))


BAD: Mapping[str, tuple[str, bytes]] = {
    "nothing": ("no_head", b""),
    "no headers": ("no_head", b"\x00\xff\xfe just bytes\r\nand more\r\n\r\n"),
    "parts within parts": ("too_deep", nested(2_000)),
    "very many parts": ("too_many_parts", many_parts(200_000)),
    "one header of a megabyte": ("head_too_large", b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\nhi"),
    "a million lines of headers": ("head_too_large", b"A: b\r\n" * 1_000_000),
    "thousands of short headers": ("head_too_large", b"C: d\r\n" * 5_000 + b"\r\nhi"),
    "more than 20 MB": ("too_large", large(20_000_001, b"From: a@b.example\r\n\r\n")),
    "parts without a boundary": ("no_boundary", b"From: a@b.example\r\nContent-Type: multipart/mixed\r\n\r\nx"),
    "a report without its report": (
        "no_status",
        b"From: MAILER-DAEMON@x.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    ),
    "a report that says nothing": (
        "no_status",
        (
            b"From: MAILER-DAEMON@x.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n--b--\r\n"
        ),
    ),
    "a daemon's own words": ("unknown_form", b"From: MAILER-DAEMON@x.example\r\nSubject: failure\r\n\r\nIt did not work, sorry.\r\n"),
    "nothing of ours": ("not_ours", b"From: sato@firm.example\r\nSubject: hello\r\nMessage-ID: <1@firm.example>\r\n\r\nHow are you?\r\n"),
}
