"""Sends one plain mail by the practice's mail server (SMTP, RFC 5321), within a time limit."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from agent.errors import WatcherUnreachableError

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Where mails go out and from whom to whom."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    user_name: str | None
    password: Callable[[], str] | None
    sender: str
    recipients: Sequence[str]


def send_mail(account: MailAccount, subject: str, text: str) -> None:
    """Raises WatcherUnreachableError; what the server says is not repeated."""
    message = EmailMessage()
    message["Subject"], message["From"] = subject, account.sender
    message["To"] = ", ".join(account.recipients)
    message.set_content(text)
    try:
        with _connected(account) as server:
            if account.user_name is not None and account.password is not None:
                server.login(account.user_name, account.password())
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise WatcherUnreachableError(
            f"the mail server {account.host}:{account.port} took no mail ({type(error).__name__})"
        ) from None


def _connected(account: MailAccount) -> smtplib.SMTP:
    if account.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(account.host, account.port, timeout=SECONDS, context=context)
    server = smtplib.SMTP(account.host, account.port, timeout=SECONDS)
    if account.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server
