"""The common way: a Celery task for each mail, which builds it with the email package and opens a connection for it."""

import os
import smtplib
from email import message_from_string
from email.message import EmailMessage
from email.policy import SMTP

from celery import Celery

app = Celery("common", broker=os.environ["BROKER_URL"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1, worker_hijack_root_logger=False, task_default_queue="common")


@app.task
def send_one(address: str, letter: str) -> None:
    """What a template engine would hand over (the parts) is read from the letter; then it is built and sent as usual."""
    parts = message_from_string(letter, policy=SMTP)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = str(parts["From"]), address, str(parts["Subject"])
    text, html = (part.get_content() for part in parts.iter_parts())
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"]), timeout=30) as session:
        session.send_message(message)
