"""GitHub, through the person's own `gh`. It needs the network and the person's login, which no sandbox of a turn lets through,
so the runtime starts it: outside the workspace, on a repository named in full, so that it asks no git and reads no project.
"""

import msgspec

from codewhale.config.environment import environment
from codewhale.context.visible import element
from codewhale.domain.errors import ToolError
from codewhale.domain.kept_outputs import KeepText, Kept
from codewhale.domain.wishes import Origin
from codewhale.runtime.github_view import ISSUE_FIELDS, PR_FIELDS, Matter, heading_of, parts_of
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.wishes.outputs import keep
from codewhale.tools.github import GithubView, ReadGithub, SendGithub, Sent, Step
from codewhale.workspace.git.remote import Hosted
from codewhale.workspace.git.run import lies_in
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command, ProcessResult

SECONDS = 60.0
OUTPUT = 8 * 1024 * 1024
NOT_LOGGED_IN = 4
"""What gh exits with when it has no login for the host."""
_LOGIN = ("GH_TOKEN", "GITHUB_TOKEN", "GH_CONFIG_DIR", "DBUS_SESSION_BUS_ADDRESS")
_ENTERPRISE = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
_QUIET = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "GH_NO_EXTENSION_UPDATE_NOTIFIER": "1",
    "GH_SPINNER_DISABLED": "1",
    "GH_PAGER": "cat",
    "NO_COLOR": "1",
}


async def read(wish: ReadGithub, origin: Origin, runtime: Runtime) -> GithubView:
    """It as text in an element that it cannot close."""
    fields = ISSUE_FIELDS if wish.target == "issue" else PR_FIELDS
    if wish.comments:
        fields += ",comments"
    where = (str(wish.number), "--repo", wish.place.slug)
    matter = _decoded(
        await _answer(
            runtime, origin.workspace, wish.place, Step(words=(wish.target, "view", *where, "--json", fields))
        )
    )
    diff = ""
    if wish.diff:
        diff = await _answer(
            runtime, origin.workspace, wish.place, Step(words=("pr", "diff", *where, "--color", "never"))
        )
    kept: list[Kept] = []
    labels: list[str] = []
    shown = [heading_of(matter, pull_request=wish.target == "pr")]
    for part in parts_of(matter, diff):
        text = part.text
        if len(text) > part.limit:
            one = await keep(KeepText(name=part.name, text=text), origin, runtime)
            kept.append(one)
            labels.append(f"{wish.target} #{wish.number} {part.name}")
            text = f"{text[: part.limit]}\n[{len(text) - part.limit:,} characters more: retrieve_tool_result {one.note.ref[:19]}]"
        shown.append(f"## {part.heading}\n{text}")
    name = "github_issue" if wish.target == "issue" else "github_pull_request"
    text = element(name, "\n\n".join(shown), repository=wish.place.slug, url=matter.url)
    return GithubView(text=text, url=plain(matter.url), kept=tuple(kept), labels=tuple(labels))


async def send(wish: SendGithub, origin: Origin, runtime: Runtime) -> Sent:
    """Run the steps; secrets that are known here leave with none of them."""
    recorder = runtime.recorder(origin.thread_id)
    if recorder is None:
        raise ToolError("The turn that asks is over.", category="cancelled")
    answers: list[str] = []
    for step in wish.steps:
        clean = Step(words=step.words, body=recorder.ports.redactor.text(step.body))
        try:
            answers.append(plain(await _answer(runtime, origin.workspace, wish.place, clean)))
        except ToolError as error:
            return Sent(answers=tuple(answers), problem=error.message)
    return Sent(answers=tuple(answers))


async def _answer(runtime: Runtime, workspace: str, place: Hosted, step: Step) -> str:
    """What gh says; `ToolError` with its own words when it fails."""
    result = await runtime.outside.processes.run(
        Command(
            argv=(_program(runtime, workspace), *step.words),
            cwd="/",
            timeout=SECONDS,
            stdin=step.body.encode("utf-8", "replace"),
            environ={**_login(place.host), **_QUIET},
            head_bytes=OUTPUT,
            tail_bytes=0,
        )
    )
    _check(result, step, place.host)
    return result.stdout.text


def _program(runtime: Runtime, workspace: str) -> str:
    """The person's gh: what the settings name, else the one in the path, which must not be the workspace's own."""
    around = runtime.outside.surroundings
    named = around.gh if around is not None else None
    program = runtime.outside.processes.find(named or "gh")
    if program is None:
        raise ToolError("gh is not installed on this machine.", category="not_available")
    if named is None and lies_in(program, workspace):
        raise ToolError("The only gh here is a part of the workspace, which is not used.", category="not_available")
    return program


def _login(host: str) -> dict[str, str]:
    """The person's login for this host. A repository can name any host, so no token goes to one that the person did not name:
    gh sends its own only to the host that it is for, and those for enterprise hosts to whatever host it is given."""
    known = environment()
    own = known.get("GH_HOST", "").strip().lower()
    if host != "github.com" and not host.endswith(".ghe.com") and host != own:
        raise ToolError(
            f"{host} is not GitHub. If it is a GitHub server of yours, start codewhale with GH_HOST={host}.",
            category="not_available",
        )
    names = (*_LOGIN, *_ENTERPRISE) if host == own and host != "github.com" else _LOGIN
    return {name: known[name] for name in names if name in known}


def _check(result: ProcessResult, step: Step, host: str) -> None:
    what = f"gh {step.words[0]} {step.words[1]}"
    if result.timed_out:
        raise ToolError(f"{what} took more than {SECONDS:.0f} seconds and was stopped.", category="timeout")
    if result.exit_code == NOT_LOGGED_IN:
        raise ToolError(
            f"gh has no login for {host}. The person can give it one: `gh auth login`.", category="not_available"
        )
    if result.exit_code != 0:
        said = " ".join(plain(result.stderr.text).split())[:1000] or "it does not say why"
        raise ToolError(f"{what} failed: {said}")
    if result.stdout.omitted:
        raise ToolError(f"{what} answered more than {OUTPUT:,} bytes. Ask for less: without comments or diff.")


def _decoded(answer: str) -> Matter:
    try:
        return msgspec.json.decode(answer, type=Matter)
    except msgspec.MsgspecError as error:
        raise ToolError(f"gh answered something else than was asked for: {error}. Is it a current version?") from error


ANSWERS = {ReadGithub: read, SendGithub: send}
