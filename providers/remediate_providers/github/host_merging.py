"""Pull requests that would merge themselves after the push: auto-merge switched off, taken out of the queue, put back.

A branch with the old history that merges itself brings all of it back. What comes from a fork stays off: its
commits are the old ones. By GraphQL, for REST has neither. Shapes: GitHub's public schema (npm package
``@octokit/graphql-schema`` 15.26.1: disablePullRequestAutoMerge, enablePullRequestAutoMerge,
dequeuePullRequest, enqueuePullRequest), https://docs.github.com/graphql/reference/mutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remediate.errors import VendorError
from remediate.model import Json
from remediate.plugins.host import Change
from remediate.plugins.outcome import Evidence, Outcome, Status
from remediate_providers.github.host_talk import PAGES, Talk

_OPEN = """query($owner: String!, $name: String!, $after: String) {
 repository(owner: $owner, name: $name) { pullRequests(states: OPEN, first: 100, after: $after) {
  pageInfo { hasNextPage endCursor } nodes { id number state headRefName baseRefName isCrossRepository
   autoMergeRequest { mergeMethod commitHeadline commitBody } mergeQueueEntry { id } } } } }"""
_ONE = """query($id: ID!) { node(id: $id) { ... on PullRequest { state
 autoMergeRequest { mergeMethod } mergeQueueEntry { id } } } }"""
_CALLS = {
    ("merges-itself", True): "mutation($id: ID!) "
    "{ disablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }",
    ("merges-itself", False): "mutation($id: ID!, $method: PullRequestMergeMethod, "
    "$headline: String, $body: String) { enablePullRequestAutoMerge(input: {pullRequestId: $id, "
    "mergeMethod: $method, commitHeadline: $headline, commitBody: $body}) { clientMutationId } }",
    (
        "queued",
        True,
    ): "mutation($id: ID!) { dequeuePullRequest(input: {id: $id}) { clientMutationId } }",
    ("queued", False): "mutation($id: ID!) "
    "{ enqueuePullRequest(input: {pullRequestId: $id}) { clientMutationId } }",
}
_FIELD = {"merges-itself": "autoMergeRequest", "queued": "mergeQueueEntry"}
_SAID = {"merges-itself": "auto-merge of", "queued": "the place in the merge queue of"}


def merging_changes(talk: Talk, refs: Sequence[str]) -> Iterator[Change]:
    """A change for each open pull request from or into one of *refs* that would merge itself."""
    for row in affected(talk, refs):
        number, fork = row["number"], bool(row.get("isCrossRepository"))
        stays = ", for good: it comes from a fork with the old history" if fork else ""
        before: dict[str, Json] = {"id": str(row["id"]), "again": not fork}
        if isinstance(auto := row.get("autoMergeRequest"), Mapping):
            yield Change(
                f"merges-itself/{number}", "trigger", f"switch auto-merge of #{number} off{stays}",
                {**before, "method": str(auto.get("mergeMethod") or "MERGE"),
                 "headline": _kept(talk, auto.get("commitHeadline")),
                 "body": _kept(talk, auto.get("commitBody"))},
            )  # fmt: skip
        if row.get("mergeQueueEntry") is not None:
            yield Change(
                f"queued/{number}",
                "trigger",
                f"take #{number} out of the merge queue{stays}",
                before,
            )


def affected(talk: Talk, refs: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Every open pull request from or into one of *refs*, as GraphQL shows it. Raises `VendorError`."""
    branches = {ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")}
    after: str | None = None
    for _ in range(PAGES):
        words = {"owner": talk.owner, "name": talk.name, "after": after}
        page = ((_asked(talk, _OPEN, words).get("repository") or {}).get("pullRequests")) or {}
        for row in page.get("nodes") or ():
            ends = {row.get("headRefName"), row.get("baseRefName")}
            if ends & branches:
                yield row
        about = page.get("pageInfo") or {}
        if not about.get("hasNextPage"):
            return
        after = str(about.get("endCursor"))


def set_merging(talk: Talk, change: Change, *, off: bool) -> Outcome:
    """Switch it off, or on again where it may be; read again either way."""
    sort, _, number = change.id.partition("/")
    what = f"{_SAID[sort]} #{number} in {talk}"
    if not off and change.before.get("again") is not True:
        return Outcome(Status.UNCHANGED, f"Left off for good: {what}, for it has the old history")
    field, pull = _FIELD[sort], str(change.before["id"])
    node = _asked(talk, _ONE, {"id": pull}).get("node") or {}
    if node.get("state") != "OPEN":
        return Outcome(Status.UNCHANGED, f"Not open any more, so nothing to change: {what}")
    if (node.get(field) is None) is not off:
        words: dict[str, object] = {"id": pull}
        if sort == "merges-itself" and not off:
            words |= {name: change.before.get(name) for name in ("method", "headline", "body")}
        try:
            _asked(talk, _CALLS[sort, off], words)
        except VendorError as error:
            if not off and ("clean status" in error.message or "unstable status" in error.message):
                # Nothing is left to be waited for: GitHub knows no auto-merge of such a one.
                said = f"It waits for nothing, so GitHub has a person merge it: {what}"
                return Outcome(Status.UNCHANGED, said)
            raise
        node = _asked(talk, _ONE, {"id": pull}).get("node") or {}
    if (node.get(field) is None) is not off:
        return Outcome(
            Status.UNKNOWN, f"Not {'off' if off else 'back'}: {what}",
            reason="GitHub took it, and shows something else",
        )  # fmt: skip
    seen = Evidence(f"{field} (GraphQL) of #{number}", "null" if off else "set", talk.vendor.now())
    said = f"Switched off {what}" if off else f"Put back {what}"
    return Outcome(Status.DONE, said, evidence=(seen,))


def _asked(talk: Talk, query: str, variables: Mapping[str, object]) -> Mapping[str, Any]:
    """The data of a GraphQL answer. Raises `VendorError`, also for errors that come with 200."""
    answer = talk.graph(query, variables)
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    errors = body.get("errors") if isinstance(body, dict) else None
    if answer.status == 200 and isinstance(data, dict) and not errors:
        return data
    told = [str(one.get("message")) for one in errors or () if isinstance(one, dict)]
    said = talk.vendor.redact("; ".join(told))[:200] or talk.api.refusal(answer)
    raise VendorError(f"GitHub's GraphQL refused: {said}", hint="Then: remediate resume")


def _kept(talk: Talk, text: object) -> str | None:
    """A commit message that goes into the journal: none where it holds a secret, nor GitHub's own."""
    plain = text if isinstance(text, str) and text else None
    return plain if plain is None or talk.vendor.redact(plain) == plain else None
