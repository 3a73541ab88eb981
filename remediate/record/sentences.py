"""The journal as a person reads it: one plain sentence a row."""

from __future__ import annotations

from remediate.incident.rows import Kind, Row
from remediate.record.reading import flag, mapping, mappings, maybe, text, texts
from remediate.record.timeline import entry_of
from remediate.wording import count

_VERBS = {
    "revoke": "kill",
    "reissue": "issue a successor of",
    "install": "put in force the successor of",
    "store": "put the new value into",
    "deploy": "deploy for",
    "check-new": "check the new credential for",
    "delete": "delete",
    "back-up": "back up",
    "apply": "rewrite",
    "purge": "purge the old objects of",
    "push": "push",
    "snapshot": "keep what is on",
    "push-lfs": "push the LFS objects to",
    "lift": "change for the push",
    "put-back": "put back",
    "close-alert": "close",
    "remove-by-id": "see whether old commits are gone from",
    "remove-copy": "remove the copy at",
    "sweep": "have old blobs dropped by",
    "collect": "have garbage collected by",
    "prune": "have unreachable objects dropped by",
    "vouch": "ask a person about what could not be read in the search",
    "notify": "send the notification to",
    "approve": "have a second person approve",
}
_ENDS = {
    "done": "Done",
    "unchanged": "Nothing was needed",
    "manual": "A person has to do it",
    "refused": "Refused",
    "unreachable": "Nobody answered",
    "unknown": "Nobody knows what came of it",
    "skipped": "Left out",
}


def sentence(row: Row) -> str:
    """What *row* says. Of a kind that is not known here, its name."""
    data = row.data
    match row.kind:
        case Kind.SECRET:
            number = len(mappings(data, "locations"))
            places = count(number, "place")
            return f"A {text(data, 'kind')} leaked: {_short(row)}, named at {places}."
        case Kind.CREDENTIAL:
            replaces = mapping(data, "labels").get("replaces")
            what = f"{text(data, 'kind')} {maybe(data, 'public_id') or text(data, 'id')}"
            return f"{what} was issued in place of {replaces}." if replaces else f"It is {what}."
        case Kind.FACT:
            about = maybe(data, "credential") or "the incident"
            known, unknown = mapping(data, "known"), mapping(data, "unknown")
            said = f"Learned of {about}, {text(data, 'topic')}: {', '.join(known) or 'nothing'}"
            return f"{said}; not known: {', '.join(unknown)}." if unknown else f"{said}."
        case Kind.INTENT:
            verb = _VERBS.get(text(data, "action"), text(data, "action"))
            return f"About to {verb} {text(data, 'subject')}."
        case Kind.OUTCOME:
            end = _ENDS.get(text(data, "status"), text(data, "status"))
            reason = text(data, "reason")
            return f"{end}: {text(data, 'summary')}{f' ({reason})' if reason else ''}."
        case Kind.CUSTODY:
            return _custody(row)
        case Kind.POLICY:
            changed = texts(data, "changed")
            if changed:
                return f"What is allowed has changed: {'; '.join(changed)}."
            return f"What is allowed stands in {maybe(data, 'source') or 'the defaults'}."
        case Kind.ADVICE:
            return f"Tip: {text(data, 'text')}"
        case Kind.RESUMED:
            by = maybe(data, "by")
            return f"Work went on{f', by {by}' if by else ''}."
        case Kind.CONCLUDED:
            return f"The run ended: {text(data, 'status')}, exit {data.get('exit')}."
        case Kind.VERIFIED:
            entry = entry_of(row)
            said = entry.what if entry else "Searched"
            return f"{said}: {'clean' if flag(data, 'clean') else 'NOT clean'}."
        case _:
            entry = entry_of(row)
            return f"{entry.what}." if entry else f"{row.kind} (a row of a kind not known here)"


def _custody(row: Row) -> str:
    data = row.data
    action, purpose = text(data, "action"), text(data, "purpose")
    if action == "emptied":
        return "Custody was emptied: no secret value is kept any more."
    names = texts(data, "fingerprints")
    what = count(len(names), "value") if len(names) > 1 else f"The value {_short(row)}"
    verb = "were" if len(names) > 1 else "was"
    if action == "put":
        return f"{what} {verb} put into custody ({purpose})."
    by = maybe(data, "by")
    return f"{what} {verb} taken out of custody for {purpose}{f', by {by}' if by else ''}."


def _short(row: Row) -> str:
    names = texts(row.data, "fingerprints")
    return (text(row.data, "fingerprint") or (names[0] if names else "?"))[:12]
