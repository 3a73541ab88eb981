"""Sending the notification: to a Slack-compatible webhook, journalled before and after.

A webhook's address is all that its vendor asks of who posts there: it is a secret, held like one. It comes from
the environment (`VARIABLE`) or out of the OS keyring (the policy's ``notify``), never from a flag.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.policy import default as mail
from urllib.parse import urlsplit

from remediate.clock import utc_now
from remediate.errors import UsageError
from remediate.http.address import parts_of
from remediate.http.error import HttpError
from remediate.http.patience import Patience
from remediate.http.session import Http
from remediate.incident.journal import Journal
from remediate.incident.rows import Action, Kind
from remediate.incident.state import State, write_outcome
from remediate.keyrings import safe_keyring, why_not
from remediate.model import Json
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate.record.markdown import communication_lines
from remediate.record.model import Record
from remediate.secret import InstallationKey, Secret

VARIABLE = "REMEDIATE_NOTIFY_URL"
PATIENCE = 30.0
"""Seconds for one notification, however often it has to be sent."""
_LONGEST = 12_000
"""Characters. Slack takes 40,000, Mattermost 16,383."""
_REASON = re.compile(rb"[a-z][a-z_]{2,40}")
_KEYRING = re.compile(r"keyring:([^#]+)#(.+)")


def address(environment: Mapping[str, str], policy: str) -> Secret:
    """Where to send it. *policy* is the policy's ``notify``: ``keyring:SERVICE#USER``, or empty.

    Raises `UsageError` where there is none, or it may not be asked. No error tells the address.
    """
    text, source = environment.get(VARIABLE, "").strip(), VARIABLE
    if not text and policy:
        text, source = _from_keyring(policy), policy
    if not text:
        raise UsageError(
            "Nobody has said where the notification goes.",
            hint=f"Set {VARIABLE} to the webhook's address, or [incident] notify in the policy to "
            "keyring:SERVICE#USER; --email prints it instead.",
        )
    if parts_of(text) is None:
        raise UsageError(
            f"What {source} holds is no https address; the notification would travel in the clear.",
            hint="Give the webhook's own https:// address (http:// is taken for loopback alone), without "
            "a user name in it.",
        )
    return Secret(text)


def _from_keyring(policy: str) -> str:
    found = _KEYRING.fullmatch(policy)
    ring = safe_keyring()
    if found is None or ring is None:
        raise UsageError(
            f"{policy}: {why_not() or 'no place in the keyring'}", hint=f"Or set {VARIABLE}."
        )
    try:
        text = ring.get_password(found[1], found[2])
    except Exception as error:  # each back end raises what its platform does
        raise UsageError(
            f"{policy} can't be read ({type(error).__name__}).", hint="Unlock the keyring."
        ) from None
    return (text or "").strip()


def subject(record: Record) -> str:
    """One line: what it is about, and how it stands."""
    return f"[{record.severity}] Incident {record.incident}: {record.status}"


def chat_text(record: Record) -> str:
    """The notification as a chat takes it, in Slack's own mark-up."""
    lines = [
        f"*{_escaped(subject(record))}*",
        *map(_escaped, communication_lines(record.communication)),
    ]
    text = "\n".join(lines)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _escaped(text: str) -> str:
    """Slack's three characters; https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def email_text(record: Record) -> str:
    """The notification as a mail without a sender or receiver: for ``sendmail``, or to be pasted."""
    message = EmailMessage(policy=mail.clone(utf8=True, cte_type="8bit", max_line_length=0))
    message["Subject"] = " ".join(subject(record).split())
    message.set_content("\n".join(communication_lines(record.communication)) + "\n", cte="8bit")
    return message.as_string()


def send(
    journal: Journal,
    key: InstallationKey,
    url: Secret,
    text: str,
    *,
    environment: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Post *text*, with an intent before and an outcome after in *journal*.

    Raises `UsageError`, with nothing sent, where the address is itself one of the leaked values. After a crash in
    between it may be sent once more: nobody can ask a webhook what it has taken.
    """
    state = State.of(journal.rows)
    if key.fingerprint(url) in state.secrets:
        raise UsageError(
            "The webhook's address is itself one of the leaked values.",
            hint=f"Make a new webhook, and set {VARIABLE} to its address.",
        )
    host = urlsplit(url.reveal_text()).hostname or ""
    name = f"notify/{sum(1 for effect in state.effects.values() if effect.action == Action.NOTIFY) + 1}"
    meant: dict[str, Json] = {"action": Action.NOTIFY, "subject": host, "detail": {}}
    journal.append(Kind.INTENT, meant, key=name)
    outcome = _post(url, host, text, environment, sleep)
    journal.append(Kind.OUTCOME, write_outcome(outcome), key=name)
    return outcome


def _post(
    url: Secret,
    host: str,
    text: str,
    environment: Mapping[str, str],
    sleep: Callable[[float], None],
) -> Outcome:
    probe = f"POST to {host}"
    try:
        with Http(environment) as http:
            answer = http.ask(
                "POST",
                url.reveal_text(),
                patience=Patience(time.monotonic() + PATIENCE, sleep),
                json={"text": text},
            )
    except HttpError as error:
        status = Status.UNKNOWN if error.sent else Status.UNREACHABLE
        return Outcome(status, f"The notification did not reach {host}", reason=str(error))
    seen = (Evidence(probe, str(answer.status), utc_now()),)
    if 200 <= answer.status < 300:
        return Outcome(Status.DONE, f"Sent the notification to {host}", evidence=seen)
    # Slack names its reasons in one word (invalid_token, no_service); anything else is not shown.
    said = answer.body.strip()
    word = f" {said.decode('ascii')}" if _REASON.fullmatch(said) else ""
    return Outcome(
        Status.REFUSED,
        f"{host} did not take the notification",
        reason=f"it answered {answer.status}{word}",
        evidence=seen,
    )
