"""SSH keys that GitHub trusts, as a provider of its own: it acts for a private key that the policy hands it.

A private key names no server. Which of them GitHub trusts is told by its own lists (see `ssh_keys`); which
repositories may be looked at beside those that it leaked in is the policy's to say. Nothing is signed with the leaked one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediate.errors import UsageError
from remediate.http import LONGEST
from remediate.model import Json, ManualStep
from remediate.plugins.context import VendorContext
from remediate.plugins.outcome import Check, Evidence, Facts, Outcome, Status
from remediate.plugins.provider import Found, Held, Identified, Kind, Reissued
from remediate.secret import Secret
from remediate_providers.accepting import not_taken
from remediate_providers.github import responder, ssh_keys
from remediate_providers.github.server import Server
from remediate_providers.github.ssh_keys import SIGNING, USER, Keys, Looked, Registered
from remediate_providers.table.pem import locked, public_half, unreadable

NAME = "github-ssh"
PAGE = "https://github.com/settings/keys"
CHECKED = "checked"
UNREADABLE = "its public half can't be read"
UNPROVEN = (
    "it is behind a passphrase: its public half is what the file says, and nothing here proves it"
)
ELSEWHERE = "what other servers trust it (authorized_keys) GitHub can't tell"


class GitHubSshProvider:
    """Deploy keys of repositories, and the SSH keys of the responder's own account."""

    name = NAME
    kinds: Sequence[Kind] = (
        Kind("github-ssh-key", "SSH key that GitHub trusts, where the policy says so", "api", "api", PAGE, "api"),
    )  # fmt: skip

    def identify(self, found: Sequence[Found]) -> Sequence[Identified]:  # noqa: ARG002
        """Nothing: a private key names no server."""
        return ()

    def check_options(self, options: Mapping[str, Json]) -> None:
        """See `remediate.plugins.provider.TakesAny`."""
        for name, value in options.items():
            if name == "elsewhere":
                _check_elsewhere(value)
                continue
            if name != "repositories":
                known = "Known: repositories, elsewhere."
                raise UsageError(f"`{name}` in `with` is not known.", hint=known)
            for one in [value] if isinstance(value, str) else list(value or ()):  # type: ignore[arg-type]
                if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", str(one)):
                    raise UsageError(
                        f"`{one}` is no repository's name.",
                        hint='As in repositories = ["acme/app"].',
                    )

    def describe(self, held: Held, vendor: VendorContext) -> Facts:
        """Where it is registered, under which title, whether it may write, when it was used last."""
        looked, reason = _look(held, vendor)
        signs, _ = _look(held, vendor, [SIGNING])
        unknown = {"registered": reason} if reason else {**looked.unread, **signs.unread}
        unknown["elsewhere"] = ELSEWHERE
        known: dict[str, Json] = {} if reason else {"registered": [r.row() for r in looked.found]}
        if (print_ := ssh_keys.fingerprint(held)) is not None:
            known["ssh_fingerprint"] = print_
        if signs.found:
            known["signing"] = [one.title for one in signs.found]
        if any(map(locked, held.values.values())):
            known["passphrase"] = True
            unknown["proof"] = UNPROVEN
        return Facts(known, unknown, (*looked.evidence, *signs.evidence))

    def preserve(self, held: Held, vendor: VendorContext) -> Facts:
        """The same: its row in GitHub's list goes with it."""
        return self.describe(held, vendor)

    def check(self, held: Held, vendor: VendorContext) -> Check:
        """Whether GitHub lists it. What was never seen there is not called dead."""
        looked, reason = _look(held, vendor)
        seen = tuple(looked.evidence)
        if looked.found:
            return Check(True, seen)
        if reason or looked.unread:
            return Check(None, seen, reason or looked.reason)
        if ssh_keys.known(vendor):
            return Check(False, seen)
        return Check(None, seen, f"it is in none of the lists that were read; {ELSEWHERE}")

    def revoke(self, batch: Sequence[Held], vendor: VendorContext) -> Mapping[str, Outcome]:
        """Taken out of GitHub's lists, and looked for until it is gone."""
        return {held.id: _revoke(held, vendor.about(held.id, batch)) for held in batch}

    def before_reissue(self, held: Held, vendor: VendorContext) -> Mapping[str, Json]:  # noqa: ARG002
        """Nothing: `reissue` changes nothing at GitHub."""
        return {}

    def reissue(self, held: Held, vendor: VendorContext) -> Reissued:
        """A new Ed25519 pair, made here; `install` registers its public half where the old one was."""
        places = ssh_keys.known(vendor) or _look(held, vendor)[0].found
        if not places:
            reason = "where the old one was registered is not known"
            step = _step(held, vendor, "replace", reason)
            text = f"The successor of {held.id} has to be made by hand"
            return Reissued(Outcome(Status.MANUAL, text, reason, manual=step))
        value, _line = ssh_keys.new_pair()
        text = f"Made a new Ed25519 key in place of {held.id}"
        return _taken(held, value, text)

    def reconcile_reissue(
        self,
        held: Held,
        before: Mapping[str, Json],  # noqa: ARG002
        vendor: VendorContext,  # noqa: ARG002
    ) -> Outcome:
        """Nothing was made at GitHub: a pair that was lost before it was kept never meant anything."""
        return Outcome(Status.UNCHANGED, f"No successor of {held.id} is registered")

    def install(self, old: Held, new: Held, vendor: VendorContext) -> Outcome:
        """See `remediate.plugins.provider.Installs`: registered with the old one's title and rights."""
        return _install(old, new, vendor)

    def accept(self, held: Held, value: Secret, vendor: VendorContext) -> Reissued:  # noqa: ARG002
        """A private key that can be read and is not the leaked one."""
        fresh = ssh_keys.name_of(Held(held.credential, {"value": value}))
        why = ""
        if locked(value):
            why = "it is behind a passphrase, which applications would be asked for"
        elif public_half(value) is None:
            why = "it is no private key that can be read"
        elif fresh == ssh_keys.name_of(held) or value in held.values.values():
            why = "it is the leaked one itself"
        if why:
            return not_taken(why)
        return _taken(held, value, f"Took in a new key for {held.id}")

    def confirm(self, new: Held, vendor: VendorContext) -> Check:
        """Whether GitHub lists the new one."""
        looked, reason = _look(new, vendor)
        seen = tuple(looked.evidence)
        if looked.found:
            return Check(True, seen)
        return Check(
            None, seen, reason or looked.reason or "GitHub does not list it where we may look"
        )

    def investigate(self, held: Held, since: str | None, vendor: VendorContext) -> Facts:  # noqa: ARG002
        """When it was used last, as it was listed before it went; what for, GitHub's API tells nobody."""
        used = [one for one in ssh_keys.known(vendor) if one.last_used]
        known: dict[str, Json] = {
            "last_used": {one.place: one.last_used for one in used},
        }
        reason = (
            "fetches and pushes with a key stand in the organisation's git events alone, kept for 7 days: "
            "an owner exports them from its audit log"
        )
        return Facts(known if used else {}, {"events": reason})

    def responder_values(self, vendor: VendorContext) -> Sequence[Secret]:
        """As `remediate_providers.github.provider`."""
        return responder.tokens(vendor, Server.of(vendor.environment))


def _unreadable(held: Held) -> str:
    """Why the key can't be compared with GitHub's lists."""
    return next((unreadable(value) for value in held.values.values()), UNREADABLE)


def _look(
    held: Held, vendor: VendorContext, where: Sequence[str] | None = None
) -> tuple[Looked, str]:
    """Where it is listed; and why nothing could be looked for, else empty."""
    name = ssh_keys.name_of(held)
    if name is None:
        return Looked(), _unreadable(held)
    with Keys(vendor) as keys:
        return keys.look(name, ssh_keys.places(vendor) if where is None else where), ""


def _revoke(held: Held, vendor: VendorContext) -> Outcome:
    name = ssh_keys.name_of(held)
    if name is None:
        return _left(held, vendor, Status.MANUAL, _unreadable(held))
    where = ssh_keys.places(vendor)
    with Keys(vendor) as keys:
        looked = keys.look(name, where)
        if not looked.found:
            return _not_listed(held, vendor, looked)
        seen = list(looked.evidence)
        said = []
        for one in looked.found:
            evidence, why = keys.remove(one)
            seen += [evidence] if evidence is not None else []
            said += [why] if why else []
        listed = list(dict.fromkeys(one.place for one in looked.found))
        pause = 0.25
        while True:
            after = keys.look(name, listed)
            if said or not after.found or not keys.api.patience.wait(pause):
                break
            pause = min(2 * pause, LONGEST)
    seen += after.evidence
    data: dict[str, Json] = {"registered": [one.row() for one in looked.found]}
    if not after.found and not after.unread:
        text = f"GitHub trusts the SSH key {held.id} no more ({', '.join(listed)})"
        ended = Outcome(Status.DONE, text, evidence=tuple(seen), data=data)
        return _elsewhere(held, vendor, ended, looked.found)
    reason = "; ".join(part for part in (*said, after.reason) if part) or "GitHub lists it still"
    status = Status.UNKNOWN if after.unread or not said else Status.REFUSED
    return _left(held, vendor, status, reason, tuple(seen), looked.found)


def _not_listed(held: Held, vendor: VendorContext, looked: Looked) -> Outcome:
    was = [one.place for one in ssh_keys.known(vendor)]
    seen = tuple(looked.evidence)
    if was and not set(was) & set(looked.unread):
        text = f"GitHub lists the SSH key {held.id} no more ({', '.join(was)})"
        ended = Outcome(Status.UNCHANGED, text, evidence=seen)
        return _elsewhere(held, vendor, ended, ssh_keys.known(vendor))
    reason = looked.reason or "it is in none of the lists that were read"
    return _left(held, vendor, Status.UNREACHABLE if looked.down else Status.MANUAL, reason, seen)


def _check_elsewhere(value: Json) -> None:
    if value != CHECKED:
        raise UsageError(
            f'`elsewhere` in `with` is "{CHECKED}", or is not there.',
            hint="It says that a person has seen that no other server trusts the key.",
        )


def _elsewhere(
    held: Held, vendor: VendorContext, ended: Outcome, was: Sequence[Registered]
) -> Outcome:
    """*ended* at GitHub; over only where a person has said that no other server trusts the key."""
    options = vendor.settings.get("with")
    if isinstance(options, Mapping) and options.get("elsewhere") == CHECKED:
        told = Evidence("the policy's `elsewhere`", CHECKED, vendor.now())
        said = "policy says that a person looked at the other servers"
        return replace(ended, summary=f"{ended.summary}; {said}", evidence=(*ended.evidence, told))
    print_ = ssh_keys.fingerprint(held) or "its SHA256 fingerprint (ssh-keygen -lf FILE)"
    who = sorted({one.added_by for one in was if one.added_by})
    ask = f"; {', '.join(who)} put it at GitHub" if who else ""
    step = ManualStep(
        id=f"elsewhere-{NAME}-{held.id.partition(':')[2][:8]}",
        title="See that no other server trusts the leaked SSH key",
        why="GitHub trusts it no more. Servers of your own keep lists of keys that no call reads.",
        instructions=(
            f"Its fingerprint: {print_}. A list's: ssh-keygen -lf ~/.ssh/authorized_keys",
            "On every server that it may open: take its line out of each account's authorized_keys.",
            "Out of what writes those lists too: configuration management, cloud-init, images, LDAP.",
            "And out of other git servers where the account has it (GitLab, Bitbucket, Gitea).",
            *_signing(vendor),
            f'When none trusts it: elsewhere = "{CHECKED}" in its `with` in remediate.toml',
            "Then: remediate resume",
        ),
        check="Nothing can look there: the record has it from you.",
        owner=f"whoever owns the servers that the key opened{ask}",
    )
    reason = f"servers of your own may trust it: {ELSEWHERE}"
    return replace(
        ended,
        status=Status.MANUAL,
        summary=f"{ended.summary}; other servers may",
        reason=reason,
        manual=step,
    )


def _signing(vendor: VendorContext) -> tuple[str, ...]:
    """What to do where commits are signed with the key: told alone, for old commits were signed with it, too."""
    titles = vendor.known.get("signing")
    if not isinstance(titles, list | tuple) or not titles:
        return ()
    named = ", ".join(f"“{title}”" for title in titles)
    web = Server.of(vendor.environment).web
    line = (
        f"It is a signing key of your account, too ({named}): what somebody signs with it is shown as "
        f"yours. Sign with another from now on, then delete it at {web}/settings/keys"
    )
    return (line,)


def _left(
    held: Held,
    vendor: VendorContext,
    status: Status,
    reason: str,
    seen: tuple[Evidence, ...] = (),
    found: Sequence[Registered] = (),
) -> Outcome:
    step = _step(held, vendor, "revoke", reason, found)
    return Outcome(status, f"{held.id} was not ended", reason, seen, manual=step)


def _install(old: Held, new: Held, vendor: VendorContext) -> Outcome:
    name, line = ssh_keys.name_of(new), None
    for value in new.values.values():
        line = line or ssh_keys.public_line(value)
    wanted = ssh_keys.known(vendor)
    if name is None or line is None:
        return Outcome(Status.UNKNOWN, f"The successor of {old.id} is not registered", UNREADABLE)
    if not wanted:
        text = f"Whoever made the successor of {old.id} registers it"
        return Outcome(Status.UNCHANGED, text)
    with Keys(vendor) as keys:
        # GitHub has a key in one place alone, so the first is all there is.
        one = wanted[0]
        looked = keys.look(name, [one.place])
        seen, why = list(looked.evidence), looked.reason
        if not looked.found and not looked.unread:
            made, why = keys.add(one.place, one.title, line, read_only=one.read_only)
            seen += [made] if made is not None else []
            looked = keys.look(name, [one.place])
            seen += looked.evidence
    if looked.found:
        text = f"The successor of {old.id} is registered at {one.place} as “{one.title}”"
        data: dict[str, Json] = {"registered": [r.row() for r in looked.found]}
        return Outcome(Status.DONE, text, evidence=tuple(seen), data=data)
    status = Status.UNREACHABLE if looked.down else Status.REFUSED
    reason = "; ".join(dict.fromkeys(part for part in (why, looked.reason) if part))
    text = f"The successor of {old.id} is not registered at {one.place}"
    return Outcome(status, text, reason or "GitHub does not list it", tuple(seen))


def _taken(held: Held, value: Secret, text: str) -> Reissued:
    parts = dict.fromkeys(held.credential.parts or ("value",), value)
    name = ssh_keys.name_of(Held(held.credential, {"value": value}))
    return Reissued(Outcome(Status.DONE, text), parts, public_id=f"{ssh_keys.PREFIX}{name}")


def _step(
    held: Held, vendor: VendorContext, what: str, why: str, found: Sequence[Registered] = ()
) -> ManualStep:
    server = Server.of(vendor.environment)
    print_ = ssh_keys.fingerprint(held) or "its SHA256 fingerprint (ssh-keygen -lf FILE)"
    place = next((one.place for one in found or ssh_keys.known(vendor) if one.place != USER), None)
    step_id = f"{what}-{NAME}-{held.id.partition(':')[2][:8]}"
    if what == "replace":
        return ManualStep(
            id=step_id,
            title="Make a new SSH key and register its public half",
            why=f"It can't be done by call: {why}.",
            url=f"{server.web}/{place}/settings/keys" if place else f"{server.web}/settings/keys",
            instructions=(
                "ssh-keygen -t ed25519 -N '' -f FILE",
                "Put FILE.pub where the old one was: your account, or the repository's deploy keys.",
                f"Hand it in: remediate resume --value {step_id} < FILE, and delete the file",
            ),
            check="remediate looks whether GitHub lists it.",
            takes_value=True,
        )
    return ManualStep(
        id=step_id,
        title="Take the leaked SSH key away where it is trusted",
        why=f"It can't be done by call: {why}.",
        url=f"{server.web}/{place}/settings/keys" if place else f"{server.web}/settings/keys",
        instructions=(
            f"Find {print_} and press Delete.",
            f"A deploy key: {server.web}/OWNER/REPO/settings/keys, or name it in the policy.",
            "On servers of your own: take its line out of every authorized_keys.",
            *_signing(vendor),
        ),
        check="remediate reads GitHub's lists again.",
    )
