"""The new value, too: it must not stand in the repository either, or the incident begins again."""

from __future__ import annotations

from remediate.history.model import Needle, Remnant, Verdict
from remediate.history.verify import verify
from remediate.incident.rows import Kind
from remediate.incident.run import Run
from remediate.stages.delivery import printed, secret_parts
from remediate.stages.targets import target
from remediate.stages.verdicts import verdict_data


def look_for_new_values(run: Run) -> bool:
    """Search for the values of every successor, write down what was found; whether it was nothing.

    Searched are the repository with all its objects, the work tree, and what deploy and check
    printed. The stores' own files (an untracked ``.env``) are where the value belongs and do not
    count. A part that is a public id is not looked for.
    """
    pairs = [(old, new) for old in run.credentials() if (new := run.successor(old)) is not None]
    needles = [
        Needle(fingerprint, value, b"REMOVED-" + new.kind.encode())
        for _, new in pairs
        for fingerprint, value in secret_parts(run, new).items()
    ]
    if not needles:
        return True
    verdict = verify(run.repo, needles, progress=run.progress())
    mine = _store_files(run)
    kept = [r for r in verdict.remnants if r.object is not None or r.path not in mine]
    kept += [
        Remnant(fingerprint, f"output-of-{what}", "plain")
        for old, _ in pairs
        for what, fingerprints in printed(run, old).items()
        for fingerprint in fingerprints
    ]
    # What could not be read is told by the search for the old values, over the same repository.
    verdict = Verdict(verdict.scope, verdict.searched, tuple(kept), ())
    run.write(Kind.VERIFIED, {"when": "new-value", **verdict_data(verdict)})
    run.emit("verified", when="new-value", clean=verdict.clean, remnants=len(kept))
    if kept:
        places = sorted({r.path or r.object or r.where for r in kept})
        run.advise(
            f"A new value stands where it does not belong ({', '.join(places[:3])}): take it away "
            "there, and if anybody may have seen it, treat it as leaked. Then: remediate resume"
        )
    return not kept


def found_again(run: Run) -> bool:
    """Whether the newest search found a new value where it does not belong."""
    verdict = run.state.verified.get("new-value")
    return verdict is not None and verdict.get("clean") is not True


def _store_files(run: Run) -> set[str]:
    root = run.repo.work_tree
    files = set()
    for table in run.policy.credentials:
        for spec in table.stores:
            where = target(spec, root or run.repo.git_dir)
            if where.scheme == "dotenv" and root is not None:
                path = (root / where.place).resolve()
                if path.is_relative_to(root.resolve()):
                    files.add(str(path.relative_to(root.resolve())))
    return files
