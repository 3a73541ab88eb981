"""The jobs to run again, at the end of a run and in ``show``."""

from __future__ import annotations

from remediate.cli.console import Console
from remediate.incident.reruns import Rerun, Reruns

MOST = 20
"""Jobs that are listed on a terminal; all of them are in the record."""


def tell_reruns(console: Console, found: Reruns) -> None:
    """Each with the command that runs it again; then what nobody can tell of. Nothing where nobody looked."""
    asked = [one for one in found.not_known if one.asked]
    if not found.jobs and not asked:
        return
    console.say()
    if found.jobs:
        console.say("  To run again, for the old value was dead and the new one is in place:")
    for job in found.jobs[:MOST]:
        console.say(f"    {job.command or job.page or f'{job.what}, number {job.id}'}")
        console.say(f"      {_about(job)}")
    if len(found.jobs) > MOST:
        console.say(f"    and {len(found.jobs) - MOST} more: the record has all")
    for one in asked:
        console.say(f"  Not known whether more are to be run again: {one.what} ({one.why})")


def _about(job: Rerun) -> str:
    if job.state == "running":
        when = "had not ended: once it has failed"
    else:
        when = f"failed {job.ended[:16]}Z" if job.ended else "failed"
    sure = "" if job.sure else "perhaps for it: "
    return f"{job.what}, {when}; {sure}{job.why}"
