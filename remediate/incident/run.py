"""`Run`: what a stage is given. The one writer of the journal: stages act through it or not at all."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from remediate.errors import Error
from remediate.history.model import Needle, Progress
from remediate.history.remote import addresses
from remediate.history.repo import Repo
from remediate.incident import sealing
from remediate.incident.answers import Answers
from remediate.incident.custody import Custody
from remediate.incident.events import Event, Listener
from remediate.incident.journal import Journal
from remediate.incident.naming import called
from remediate.incident.options import Options
from remediate.incident.policy import Policy, table_settings
from remediate.incident.redaction import harmless, redactor
from remediate.incident.request import Handed
from remediate.incident.rows import Kind, Row
from remediate.incident.rules import Ruled, keep_ruled, rule_needles
from remediate.incident.sealing import Seal
from remediate.incident.state import Effect, State, credential_data, write_outcome
from remediate.model import Credential, Json
from remediate.plugins.context import REISSUED, Asks, VendorContext
from remediate.plugins.outcome import Facts, Outcome, Status
from remediate.plugins.provider import Held, Provider
from remediate.plugins.registry import providers
from remediate.secret import InstallationKey, Secret

_LOG = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds for which a vendor that only says "accepted" is polled."""


class Run:
    """One pass of the pipeline over one incident."""

    def __init__(
        self,
        *,
        folder: Path,
        journal: Journal,
        custody: Custody,
        key: InstallationKey,
        repo: Repo,
        policy: Policy,
        options: Options,
        asks: Asks,
        listener: Listener,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.custody = custody
        self.key = key
        self.repo = repo
        self.policy = policy
        self.options = options
        self.asks = asks
        self.state = State.of(journal.rows)
        self.stage: str | None = None
        self.handed: dict[str, Secret] = {}
        """Values that a person brought, by the manual step that asked for them."""
        self.approval: Handed | None = None
        """A second person's approval that was handed in and is not used yet."""
        self._journal = journal
        self._listener = listener
        self._environment = dict(os.environ if environment is None else environment)
        self._taken: set[tuple[str | None, str, str]] = set()
        self._refused: set[tuple[str, str]] = set()
        self._ruled: Ruled | None = None
        self.answers = Answers(folder, self.redactor)
        """Vendors' raw answers."""
        self._redactor: tuple[int, Callable[[str], str]] | None = None

    # The journal ------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row of the journal so far."""
        return self._journal.rows

    @property
    def head(self) -> tuple[int, str]:
        """The number and the seal of the journal's last row."""
        return self._journal.head

    def was_head(self, seq: int, seal: str) -> bool:
        """Whether the journal's head was (*seq*, *seal*) once."""
        return self._journal.holds(seq, seal)

    def write(self, kind: Kind, data: Mapping[str, Json], *, key: str | None = None) -> None:
        """Append one row, and take it into the state."""
        self.write_all([(kind, data, key)])

    def write_all(self, entries: Sequence[tuple[Kind, Mapping[str, Json], str | None]]) -> None:
        """Append several rows (kind, data, key) in one go, and take them into the state.

        A row each would be a disk's flush each, and a report may hold thousands.
        """
        for row in self._journal.append_all(entries, stage=self.stage):
            self.state.add(row)
            _LOG.debug("row %d: %s %s", row.seq, row.kind, row.key or "")

    def emit(self, name: str, /, **data: Json) -> None:
        """Tell the listener."""
        self._listener(Event(name, data))

    def progress(self) -> Progress:
        """A `Progress` that tells the listener, at most four times a second and at the end."""
        last = 0.0

        def tell(step: str, done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= 0.25 or done == total:
                last = now
                self.emit("progress", step=step, done=done, total=total)

        return tell

    def advise(self, text: str) -> None:
        """Note something worth doing that no step of the pipeline hangs on; once."""
        if text not in self.state.advice:
            self.write(Kind.ADVICE, {"text": text})
            self.emit("advice", text=text)

    def refuse(self, asked: str, why: str) -> None:
        """Note that something was asked for and not done; once a run."""
        if (asked, why) not in self._refused:
            self._refused.add((asked, why))
            self.write(Kind.REFUSAL, {"asked": asked, "why": why})

    # Effects ----------------------------------------------------------------------------------

    def effect(
        self,
        action: str,
        subject: str,
        do: Callable[[], Outcome],
        *,
        key: str | None = None,
        detail: Mapping[str, Json] | None = None,
        reconcile: Callable[[Effect], Outcome | None] | None = None,
    ) -> Outcome:
        """Do one outside effect: intent before, outcome after, never twice.

        An effect that is settled already is not done again. One that was meant and whose end nobody
        saw (a crash, a lost answer) is first reconciled: *reconcile* gives what had happened, or None where
        nothing had, and only then is it done anew. Without *reconcile* it must be safe to repeat.
        """
        return self.effects(
            {subject: key or f"{self.stage}/{action}/{subject}"},
            action,
            lambda _: {subject: do()},
            detail=detail,
            reconcile=reconcile,
        )[subject]

    def effects(
        self,
        keys: Mapping[str, str],
        action: str,
        do: Callable[[Sequence[str]], Mapping[str, Outcome]],
        *,
        detail: Mapping[str, Json] | None = None,
        reconcile: Callable[[Effect], Outcome | None] | None = None,
    ) -> dict[str, Outcome]:
        """Like `effect` for several subjects (subject to key) that *do* treats in one go."""
        results: dict[str, Outcome] = {}
        todo: list[str] = []
        for subject, key in keys.items():
            known = self.state.effects.get(key)
            if known is not None and known.outcome is not None and known.outcome.status.settled:
                results[subject] = known.outcome
                continue
            if known is not None and known.doubtful and reconcile is not None:
                found = reconcile(known)
                if found is not None:
                    self._ended(action, {subject: (key, found)})
                    results[subject] = found
                    continue
            todo.append(subject)
        meant: Mapping[str, Json] = {"action": action, "detail": dict(detail or {})}
        self.write_all([(Kind.INTENT, {**meant, "subject": s}, keys[s]) for s in todo])
        if todo:
            done = self._do(action, do, todo)
            self._ended(action, {subject: (keys[subject], done[subject]) for subject in todo})
            results |= {subject: done[subject] for subject in todo}
        return results

    def attempts(self, key: str) -> int:
        """How often the effect *key* has been meant so far."""
        return sum(1 for row in self._journal.rows if row.kind == Kind.INTENT and row.key == key)

    def doubt(self, key: str, why: str) -> None:
        """Take back that the effect *key* is settled: what it brought about was lost since.

        Whoever has it done next reconciles it first. Nothing changes where it is not settled.
        """
        known = self.state.effects.get(key)
        if known is not None and known.outcome is not None and known.outcome.status.settled:
            lost = Outcome(Status.UNKNOWN, f"To be done again: {known.action}", reason=why)
            self._ended(known.action, {known.subject: (key, lost)})

    def leave(self, effect: Effect, summary: str, why: str) -> None:
        """Write down that *effect* is not wanted any more, whatever had come of it; nothing is done."""
        self.settle(effect, Outcome(Status.SKIPPED, summary, reason=why))

    def settle(self, effect: Effect, outcome: Outcome) -> None:
        """Write down what came of *effect* beside all stages: somebody else has done it, or wants it no more."""
        self._ended(effect.action, {effect.subject: (effect.key, outcome)})

    def _do(
        self, action: str, do: Callable[[Sequence[str]], Mapping[str, Outcome]], todo: Sequence[str]
    ) -> dict[str, Outcome]:
        lost = Outcome(Status.UNKNOWN, f"Nobody knows what came of this: {action}")
        try:
            done = dict(do(todo))
        except Error:
            raise
        except Exception as error:
            # A fault in a plugin must not keep the other credentials alive. Its text may hold a
            # value, so only its type is kept.
            lost = Outcome(
                Status.UNKNOWN,
                f"A fault inside remediate: {action}",
                reason=f"{type(error).__name__} in {_where(error)}",
                data={"fault": True},
            )
            done = {}
        return {subject: done.get(subject, lost) for subject in todo}

    def _ended(self, action: str, ends: Mapping[str, tuple[str, Outcome]]) -> None:
        """Write down how each subject's effect ended (its key and outcome), and tell it."""
        self.write_all(
            [(Kind.OUTCOME, write_outcome(outcome), key) for key, outcome in ends.values()]
        )
        for subject, (_key, outcome) in ends.items():
            self.emit(
                "effect",
                stage=self.stage,
                action=action,
                subject=subject,
                status=str(outcome.status),
                summary=harmless(outcome.summary),
                reason=harmless(outcome.reason),
            )
            if outcome.manual is not None and not outcome.status.settled:
                self.emit("manual", **_manual(outcome))

    # Facts and values -------------------------------------------------------------------------

    def learn(self, topic: str, facts: Facts, credential: Credential | None = None) -> None:
        """Write down what was learned, once an incident unless it has changed."""
        self.learn_all(topic, [(credential, facts)])

    def learn_all(self, topic: str, learned: Sequence[tuple[Credential | None, Facts]]) -> None:
        """Like `learn` for several credentials, in one go."""
        rows: list[tuple[Kind, Mapping[str, Json], str | None]] = []
        for credential, facts in learned:
            name = credential.id if credential else None
            if self.state.facts.get((name, topic)) == facts:
                continue
            evidence = [{"probe": e.probe, "saw": e.saw, "at": e.at} for e in facts.evidence]
            data: dict[str, Json] = {
                "credential": name,
                "topic": topic,
                "known": dict(facts.known),
                "unknown": dict(facts.unknown),
                "evidence": list(evidence),
            }
            rows.append((Kind.FACT, data, None))
        self.write_all(rows)

    def knows(self, topic: str, credential: Credential | None = None) -> Facts | None:
        """What was learned before, None where nothing was."""
        return self.state.facts.get((credential.id if credential else None, topic))

    def held(self, credential: Credential, purpose: str) -> Held:
        """The credential with its values out of custody, each taking journalled.

        A part whose value is not here (memory only, and this is another process) is missing.
        """
        return self.held_all([credential], purpose)[0]

    def held_all(self, credentials: Sequence[Credential], purpose: str) -> list[Held]:
        """Like `held` for several credentials, in one go."""
        held = [
            Held(
                credential,
                {
                    part: value
                    for part, fingerprint in credential.parts.items()
                    if (value := self.custody.get(fingerprint)) is not None
                },
            )
            for credential in credentials
        ]
        self._note([one.credential.parts[part] for one in held for part in one.values], purpose)
        return held

    def value(self, fingerprint: str, purpose: str) -> Secret | None:
        """One value out of custody, its taking journalled; None where it is not there."""
        value = self.custody.get(fingerprint)
        if value is not None:
            self._note([fingerprint], purpose)
        return value

    def redactor(self) -> Callable[[str], str]:
        """What takes every value in custody out of a text."""
        names = self.custody.fingerprints()
        if self._redactor is None or self._redactor[0] != len(names):
            # Values only join, until custody is emptied at the very end.
            self._note(names, "taking it out of what is shown and kept")
            self._redactor = (len(names), redactor(self.custody.every()))
        return self._redactor[1]

    def called(self, credential: Credential) -> str:
        """What *credential* is called among others: see `remediate.incident.naming`."""
        return called(credential, self.state.secrets, lambda text: self.redactor()(text))

    def _note(self, fingerprints: Sequence[str], purpose: str) -> None:
        """Journal that values were taken; once a stage and purpose."""
        fresh = [f for f in fingerprints if (self.stage, f, purpose) not in self._taken]
        self._taken |= {(self.stage, f, purpose) for f in fresh}
        if len(fresh) == 1:
            self.write(
                Kind.CUSTODY, {"fingerprint": fresh[0], "purpose": purpose, "action": "take"}
            )
        elif fresh:
            # A row each would be a disk's flush each, and a report may hold thousands.
            data: dict[str, Json] = {"fingerprint": "", "fingerprints": list(fresh)}
            self.write(Kind.CUSTODY, {**data, "purpose": purpose, "action": "take"})

    def keep(self, values: Sequence[Secret], purpose: str) -> list[str]:
        """Take new values into custody, before anything else happens to them; their fingerprints."""
        names = self.custody.put_all(list(values))
        for name in names:
            self.write(Kind.CUSTODY, {"fingerprint": name, "purpose": purpose, "action": "put"})
        return names

    def seal(self) -> Seal | None:
        """The key pair to encrypt with; where there is none yet, a passphrase is asked for.

        None where nobody has one to give. Asked only now, so that no question stood before the kill.
        """
        if self.custody.seal is None:
            key = self._passphrase()
            made = sealing.make(self.folder, key, name=self.state.id) if key is not None else None
            if made is not None:
                self.custody.adopt(made)
        return self.custody.seal

    def _passphrase(self) -> Secret | None:
        question = (
            "The backup, which makes undo possible, is sealed with a passphrase of your choice: "
            "8 characters or more, and you need it again for undo (Enter alone: do without)."
        )
        why = (
            "The backup holds the leaked values, so it must not lie about in clear.\n"
            "A passphrase: the backup is made, and `remediate undo` can put the old history back.\n"
            "Enter alone: nothing is backed up, and the history is left as it is.\n"
            "To take it back: delete the backup, which the record names."
        )
        while True:
            typed = self.asks.secret(question, option="--key-file FILE", why=why)
            if typed is None:
                return None
            if len(typed.reveal()) < 8:
                question, why = "That was too short: 8 characters or more.", ""
            elif typed == self.asks.secret("Once more, the same:", option="--key-file FILE"):
                return typed
            else:
                question, why = "The two were not the same. The passphrase, please:", ""

    def needles(self) -> list[Needle]:
        """Every leaked value as history wants it, and the user's own rules (``--expressions``).

        Raises `remediate.errors.CustodyError` where one is missing: looking for some of the secrets
        and calling it clean would be a lie.
        """
        leaked = [
            Needle(
                secret.fingerprint,
                self.custody.take(secret.fingerprint),
                self.policy.replacement.format(kind=secret.kind).encode(),
            )
            for secret in self.state.secrets.values()
        ]
        self._note([needle.id for needle in leaked], "searching and rewriting history")
        return [*leaked, *self.ruled().needles]

    def ruled(self) -> Ruled:
        """The user's own rules, with the texts that patterns among them matched; in memory and custody.

        Raises as `rule_needles` and `keep_ruled` do.
        """
        if self._ruled is None and self.options.expressions is not None:
            ruled = rule_needles(
                self.options.expressions,
                self.key,
                set(self.state.secrets),
                self.repo,
                held=self.custody.rules,
                progress=self.progress(),
            )
            keep_ruled(ruled, set(self.state.secrets), self.custody, self.folder)
            self._ruled = ruled
        return self._ruled or Ruled()

    def forget_ruled(self) -> None:
        """The repository has changed: patterns are matched once more when next they are wanted."""
        self._ruled = None

    # Credentials and vendors ------------------------------------------------------------------

    def credentials(self) -> list[Credential]:
        """The leaked credentials, in the order found."""
        return [c for c in self.state.credentials.values() if "replaces" not in c.labels]

    def successor(self, credential: Credential) -> Credential | None:
        """The credential that was issued in place of *credential*, None where none was yet.

        The newest: after one that was lost in a crash there may be another.
        """
        return next(
            (
                c
                for c in reversed(self.state.credentials.values())
                if c.labels.get("replaces") == credential.id
            ),
            None,
        )

    def succeed(self, old: Credential, new: Credential) -> None:
        """Write down that *new* was issued in place of *old*."""
        labels = {**new.labels, "replaces": old.id}
        self.write(Kind.CREDENTIAL, {**credential_data(new), "labels": labels})

    def provider(self, credential: Credential) -> Provider | None:
        """The credential's provider, or the one that policy names for it; None where there is neither."""
        name = self.policy.for_credential(credential).provider or credential.provider
        return providers.get(name) if name else None

    def vendor(
        self, credential: Credential | None = None, *, until: float | None = None
    ) -> VendorContext:
        """The surroundings of a call about *credential*; *until*: when its patience is over."""
        table = self.policy.for_credential(credential) if credential else None
        end = time.monotonic() + PATIENCE if until is None else until
        return VendorContext(
            environment=self._environment,
            asks=self.asks,
            use_leaked=table.use_leaked if table else True,
            settings=table_settings(table) if table else {},
            known=self._known_of(credential.id if credential else None),
            known_of=self._known_of,
            remotes=lambda: addresses(self.repo),
            root=self.repo.work_tree or self.repo.git_dir,
            progress=lambda message: self.emit("progress", step=message, done=0, total=None),
            deadline=lambda: end,
            redact=self.redactor(),
            keep=functools.partial(self.answers.keep, credential.id if credential else "none"),
        )

    def _known_of(self, credential_id: str | None) -> dict[str, Json]:
        """What was learned while the credential lived, by name."""
        known: dict[str, Json] = {}
        for topic in ("identity", "preserved"):
            facts = self.state.facts.get((credential_id, topic)) if credential_id else None
            known |= dict(facts.known) if facts else {}
        made = self.state.outcome(f"reissue/{credential_id}") if credential_id else None
        if made is not None and made.status.settled:
            known[REISSUED] = dict(made.data)
        return known


def _where(error: BaseException) -> str:
    """The module and line that an exception came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _manual(outcome: Outcome) -> dict[str, Json]:
    data = write_outcome(outcome)["manual"]
    assert outcome.manual is not None and isinstance(data, Mapping)
    return {**data, "on_word": outcome.manual.on_word}
