"""What counts as evidence that an issue is done, and how it is written down. No tool itself."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.tools.pr_attempt import place_of, repository_of
from codewhale.tools.tool import ToolContext
from codewhale.workspace.plain import plain

SHOWN = 10

Line = Annotated[str, Meta(max_length=1000)]
Criteria = Annotated[tuple[Line, ...], Meta(min_length=1, max_length=50, description="Each one met.")]
Lines = Annotated[tuple[Line, ...], Meta(max_length=200)]


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a comment may bring."""

    files_changed: Lines = ()
    tests_run: Lines = ()
    final_status: Annotated[str, Meta(max_length=2000)] | None = None
    commits: Lines = ()


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a closing must bring."""

    files_changed: Lines
    tests_run: Lines
    final_status: Annotated[str, Meta(max_length=2000)]
    commits: Lines = ()


def check_evidence(criteria: Sequence[str], proof: Proof) -> None:
    """`ToolError` that names all that is missing."""
    missing: list[str] = []
    if not criteria or not all(one.strip() for one in criteria):
        missing.append("acceptance_criteria (each in words)")
    if not any(one.strip() for one in (*proof.files_changed, *proof.commits)):
        missing.append("evidence.files_changed or evidence.commits")
    if not any(one.strip() for one in proof.tests_run):
        missing.append("evidence.tests_run")
    if not proof.final_status.strip():
        missing.append("evidence.final_status")
    if missing:
        raise ToolError(
            f"The issue was not closed, because there is no evidence that it is done. Missing: {', '.join(missing)}.",
            category="invalid_input",
        )


async def check_tree(ctx: ToolContext, proof: Proof, *, allow_dirty: bool) -> None:
    """`ToolError` when there are uncommitted changes, or a commit that is named is not there."""
    git, repository = repository_of(ctx)
    for commit in proof.commits:
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit.strip()}^{{commit}}")
        if commit.strip() and (await git.look(repository, words)).exit_code != 0:
            raise ToolError(
                f"The issue was not closed: this repository has no commit {plain(commit)[:80]!r}.",
                category="invalid_input",
            )
    if allow_dirty:
        return
    words = ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=all"]
    place = place_of(repository, ctx.files.root)
    done = await git.look(repository, [*words, "--", place] if place is not None else words)
    if done.exit_code != 0:
        raise ToolError("The issue was not closed: git cannot say whether there are uncommitted changes.")
    changed = [line[3:] for line in plain(done.stdout.text).splitlines() if line.strip()]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ToolError(
            f"The issue was not closed: there are uncommitted changes in {', '.join(changed[:SHOWN])}{more}. Commit them, or "
            "give allow_dirty."
        )


def closing_comment(comment: str | None, criteria: Sequence[str], proof: Proof) -> str:
    """The comment with which an issue is closed."""
    met = "\n".join(["### Acceptance criteria", *(f"- [x] {one.strip()}" for one in criteria)])
    parts = [comment.strip() if comment else "", met, evidence_text(proof)]
    return "\n\n".join(part for part in parts if part)


def evidence_text(given: Evidence | Proof) -> str:
    """Evidence as Markdown; empty when there is none."""
    lists = (("Files changed", given.files_changed), ("Tests run", given.tests_run), ("Commits", given.commits))
    lines = [
        f"**{title}**\n" + "\n".join(f"- {one.strip()}" for one in entries if one.strip())
        for title, entries in lists
        if any(one.strip() for one in entries)
    ]
    if given.final_status and given.final_status.strip():
        lines.append(f"**Final status:** {given.final_status.strip()}")
    return "\n\n".join(["### Evidence", *lines]) if lines else ""
