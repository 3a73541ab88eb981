"""The note to whoever has a clone: ready to be sent, with the commit map."""

from __future__ import annotations


def note(incident: str, url: str, rewritten: int, map_name: str = "commit-map") -> str:
    """What to do with an old clone, in the words in which one would tell a colleague."""
    return f"""\
Subject: {url}: the history was rewritten; please do this before your next push

A credential had been committed to {url}. It is dead, and it was taken out of the history: {rewritten}
commits have new ids. Your clone still has the old ones. Please do not push, and above all do not merge
or pull: merging an old branch brings all of it back.

If you have nothing that was not pushed, delete your clone and clone afresh.

If you have (commits, branches, stashes, a rebase in the middle), save the attached file as {map_name} and run
in your clone:

    remediate rescue {map_name}

It fetches the new history, moves all your own work onto it as it is, drops the old objects and checks.
It works without the secret and without this incident's other files. Please do not publish the file: as long
as the server keeps old commits, it is the way to them.

Your open pull requests: after the rescue, push your branch again (git push --force-with-lease).
Forks: the same, in a clone of the fork.

({incident})
"""
