"""What `gh` answers about an issue or a pull request, as parts of a text for the model. Pure."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

BODY_CHARS = 4_000
TALK_CHARS = 8_000
DIFF_CHARS = 8_000
MOST_LISTED = 100

ISSUE_FIELDS = "number,title,state,author,body,labels,assignees,url,createdAt,updatedAt"
PR_FIELDS = (
    f"{ISSUE_FIELDS},baseRefName,headRefName,headRefOid,isDraft,mergeable,reviewDecision,additions,deletions,changedFiles,"
    "files,statusCheckRollup,reviews"
)


class Person(Struct):
    """Somebody."""

    login: str = "?"


class Label(Struct):
    """A label."""

    name: str = ""


class Remark(Struct, rename="camel"):
    """A comment or a review."""

    author: Person | None = None
    body: str = ""
    created_at: str = ""
    submitted_at: str | None = None
    state: str = ""


class ChangedFile(Struct):
    """A file of a pull request."""

    path: str = ""
    additions: int = 0
    deletions: int = 0


class Check(Struct):
    """A check run or a commit status."""

    name: str = ""
    context: str = ""
    conclusion: str | None = None
    state: str | None = None
    status: str | None = None


class Matter(Struct, rename="camel"):
    """An issue or a pull request; what the one has not is empty."""

    number: int
    title: str = ""
    state: str = ""
    author: Person | None = None
    body: str = ""
    labels: list[Label] = msgspec.field(default_factory=list[Label])
    assignees: list[Person] = msgspec.field(default_factory=list[Person])
    url: str = ""
    created_at: str = ""
    updated_at: str = ""
    comments: list[Remark] = msgspec.field(default_factory=list[Remark])
    base_ref_name: str = ""
    head_ref_name: str = ""
    head_ref_oid: str = ""
    is_draft: bool = False
    mergeable: str = ""
    review_decision: str | None = None
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    files: list[ChangedFile] = msgspec.field(default_factory=list[ChangedFile])
    status_check_rollup: list[Check] | None = None
    reviews: list[Remark] = msgspec.field(default_factory=list[Remark])


class Part(Struct, frozen=True, kw_only=True):
    """A text with its heading. One longer than `limit` is kept under `name`, and its beginning is shown."""

    name: str
    heading: str
    text: str
    limit: int


def parts_of(matter: Matter, diff: str) -> list[Part]:
    """The long texts, those without anything in them left out."""
    talk = "\n\n".join(_remark(one) for one in (*matter.comments, *matter.reviews) if one.body.strip() or one.state)
    count = len(matter.comments) + len(matter.reviews)
    found = (
        Part(name="body.md", heading="description", text=matter.body.strip(), limit=BODY_CHARS),
        Part(name="conversation.md", heading=f"conversation ({count})", text=talk, limit=TALK_CHARS),
        Part(name="diff.patch", heading="diff", text=diff.rstrip("\n"), limit=DIFF_CHARS),
    )
    return [part for part in found if part.text]


def heading_of(matter: Matter, *, pull_request: bool) -> str:
    """The facts, one a line."""
    by = matter.author.login if matter.author is not None else "?"
    lines = [
        f"#{matter.number} {matter.title}",
        f"state {matter.state}{' (draft)' if matter.is_draft else ''}, by {by}, {matter.created_at}, updated {matter.updated_at}",
    ]
    lines += _list("labels", [label.name for label in matter.labels])
    lines += _list("assigned to", [person.login for person in matter.assignees])
    if pull_request:
        review = f", review {matter.review_decision}" if matter.review_decision else ""
        lines.append(
            f"{matter.head_ref_name} ({matter.head_ref_oid[:12]}) into {matter.base_ref_name}, {matter.mergeable}{review}"
        )
        lines.append(f"{matter.changed_files} files, +{matter.additions} -{matter.deletions}")
        lines += [f"  {one.path} +{one.additions} -{one.deletions}" for one in matter.files[:MOST_LISTED]]
        lines += [f"  check {_check(one)}" for one in (matter.status_check_rollup or ())[:MOST_LISTED]]
    return "\n".join(lines)


def _list(name: str, entries: Sequence[str]) -> list[str]:
    return [f"{name}: {', '.join(entries)}"] if entries else []


def _check(one: Check) -> str:
    return f"{one.name or one.context}: {one.conclusion or one.state or one.status or '?'}"


def _remark(one: Remark) -> str:
    by = one.author.login if one.author is not None else "?"
    state = f" {one.state}" if one.state else ""
    return f"{by}{state}, {one.submitted_at or one.created_at}:\n{one.body.strip()}".rstrip()
