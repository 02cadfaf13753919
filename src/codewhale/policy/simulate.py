"""What a rule would have done to the decisions of the past, and which rules a call suggests. The gate's own matching."""

from collections.abc import Iterable

from msgspec.structs import replace

from codewhale.domain.decisions import Decided
from codewhale.domain.rules import Change, Rule, Simulation
from codewhale.policy.commands.parts import take_apart
from codewhale.policy.commands.verdict import Place
from codewhale.policy.decide import reconsider
from codewhale.policy.planned import PlannedCall
from codewhale.policy.rules import matches

MOST_EXAMPLES = 20
_SHOWN = 200
_TWO = frozenset(
    [
        "git",
        "go",
        "cargo",
        "pip",
        "pip3",
        "uv",
        "poetry",
        "gem",
        "bundle",
        "brew",
        "apt",
        "apt-get",
        "dnf",
        "systemctl",
        "terraform",
        "helm",
        "conda",
        "mvn",
        "gradle",
        "dotnet",
        "python",
        "python3",
        "node",
        "deno",
        "bun",
        "npx",
        "ruby",
        "perl",
    ]
)
_THREE: dict[str, frozenset[str]] = {
    **dict.fromkeys(("npm", "pnpm", "yarn"), frozenset({"run", "exec"})),
    **dict.fromkeys(("docker", "podman"), frozenset({"compose", "image", "container"})),
    "kubectl": frozenset({"get", "describe", "config"}),
    "gh": frozenset({"pr", "issue", "repo", "run", "api"}),
    **dict.fromkeys(("python", "python3"), frozenset({"-m"})),
    **dict.fromkeys(("uv", "poetry"), frozenset({"run"})),
}
_OPEN = frozenset(
    [
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "fish",
        "eval",
        "exec",
        "env",
        "sudo",
        "doas",
        "xargs",
        "source",
        ".",
        "command",
        "python",
        "python3",
        "node",
        "ruby",
        "perl",
    ]
)
"""Programs whose first word says nothing about what they do."""


def subject_of(past: Decided) -> PlannedCall:
    """The call of a decision, as far as the log knows it."""
    made = past.decision
    call = PlannedCall(
        tool=made.tool,
        effects=frozenset(made.effects),
        default="ask",
        description=made.tool,
        workspace=made.workspace,
        targets=made.targets,
        hosts=made.hosts,
    )
    if made.command is None:
        return call
    shell, _ = take_apart(made.command, Place(workspace=made.workspace, cwd=made.cwd or made.workspace))
    return replace(call, command=shell)


def simulate(rule: Rule, history: Iterable[Decided]) -> Simulation:
    """The decisions of `history`, newest first, with this rule besides."""
    looked_at = matched = unknown = against = 0
    changed: dict[str, int] = {}
    examples: list[Change] = []
    for past in history:
        made = past.decision
        looked_at += 1
        if made.command is None and "execute" in made.effects and (rule.command or rule.command_exact):
            unknown += 1
            continue
        call = subject_of(past)
        if matches(rule, call) == "no":
            continue
        matched += 1
        after = reconsider(call, made.trail, (rule,)).verdict
        if after == made.verdict:
            continue
        name = f"{made.verdict} -> {after}"
        changed[name] = changed.get(name, 0) + 1
        against += past.outcome == "deny" and past.by_person and after == "allow"
        if len(examples) < MOST_EXAMPLES:
            examples.append(
                Change(
                    thread_id=past.thread_id,
                    call_id=made.call_id,
                    tool=made.tool,
                    about=about(past),
                    before=made.verdict,
                    after=after,
                    outcome=past.outcome,
                )
            )
    return Simulation(
        rule=rule,
        looked_at=looked_at,
        matched=matched,
        unknown=unknown,
        changed=changed,
        against_you=against,
        examples=tuple(examples),
    )


def about(past: Decided) -> str:
    """What the call was, on one line."""
    made = past.decision
    text = made.command or ", ".join(target.given for target in made.targets) or made.tool
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def suggested(past: Decided) -> tuple[Rule, ...]:
    """Rules that would allow this call from now on in its workspace: exactly it, then commands that begin as it does."""
    made = past.decision
    if made.command is not None:
        exact = Rule(action="allow", tool=made.tool, command_exact=made.command, workspace=made.workspace)
        shell = subject_of(past).command
        words = _prefix(shell.plain) if shell is not None and shell.plain is not None else None
        if words is None:
            return (exact,)
        return exact, Rule(action="allow", tool=made.tool, command=" ".join(words), workspace=made.workspace)
    if len(made.targets) == 1 and "[" not in made.targets[0].real and not set("*?") & set(made.targets[0].real):
        return (Rule(action="allow", tool=made.tool, path=made.targets[0].real, workspace=made.workspace),)
    return ()


def _prefix(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words of a command that say what kind of command it is; None where they would say too little."""
    name = words[0]
    count = 1
    if len(words) > 1 and words[1] in _THREE.get(name, ()):
        count = 3
    elif name in _TWO or name in _THREE:
        count = 2
    plain = words[:count]
    if len(words) < count or (count == 1 and name in _OPEN) or "/" in name:
        return None
    if any(word.startswith("-") and word != "-m" for word in plain[1:]) or (count == 2 and name in _OPEN):
        return None
    return None if any(sign in word for word in plain for sign in "\"'`$\\;&|<>(){}*?!#\n ") else plain
