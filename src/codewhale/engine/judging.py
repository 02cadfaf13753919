"""What a call would touch and do, found out before anybody is asked: the verdict on its shell command, its files, its hosts.

The judge is imported with the first command: it brings a parser that most turns never need.
"""

import os

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.decisions import Target, Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.network import Reach
from codewhale.domain.tools import ToolOutput
from codewhale.policy.commands.verdict import Judgement, Place
from codewhale.policy.planned import PlannedCall
from codewhale.tools.tool import Tool
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import Web


def planned_call(tool: Tool, arguments: Struct, text: str, files: Files, processes: Processes, web: Web) -> PlannedCall:
    """The call as the gate looks at it; `text` is its arguments as the model wrote them."""
    reach = _reach(tool, arguments, web)
    call = PlannedCall(
        tool=tool.name,
        effects=tool.effects,
        default=tool.default,
        description=tool.describe(arguments) if tool.describe is not None else tool.name,
        arguments=text if tool.resolve is None else msgspec.json.encode(arguments).decode(),
        workspace=files.root,
        home=processes.home,
        targets=_targets(tool, arguments, files),
        hosts=tuple(one.host for one in reach),
        reach=reach,
    )
    if tool.command is None:
        return call
    from codewhale.policy.commands.judge import judge
    from codewhale.policy.commands.parts import take_apart

    command, cwd = tool.command(arguments)
    try:
        folder = files.directory(cwd or ".")
    except ToolError:  # the tool will say so itself; nothing runs there
        folder = files.root
    place = Place(workspace=files.root, cwd=folder, home=processes.home)
    shell, touched = take_apart(command, place)
    return replace(call, judged=judge(command, place), command=shell, targets=(*call.targets, *touched))


def _reach(tool: Tool, arguments: Struct, web: Web) -> tuple[Reach, ...]:
    if tool.hosts is None:
        return ()
    try:
        return tuple(web.reach(host) for host in tool.hosts(arguments, web))
    except ToolError:  # the tool will say so itself; nothing is reached
        return ()


def _targets(tool: Tool, arguments: Struct, files: Files) -> tuple[Target, ...]:
    if tool.paths is None:
        return ()
    targets = [target_of(touch, files.root) for touch in tool.paths(arguments)]
    if "execute" in tool.effects:  # a program writes them, which its cage looks after
        return tuple(targets)
    return tuple(replace(one, refused=files.refused(one.given)) if one.write else one for one in targets)


def target_of(touch: Touch, root: str) -> Target:
    """The file that is named from `root`, and where it leads."""
    path = os.path.normpath(os.path.join(root, touch.path))
    try:
        real = os.path.realpath(path)
    except (OSError, ValueError):  # the tool will say so itself; it leads nowhere
        real = path
    return Target(given=touch.path, path=path, real=real, write=touch.write, beneath=touch.beneath)


def stamped(output: ToolOutput, judgement: Judgement | None) -> ToolOutput:
    """The output with the verdict in its metadata, so that a person sees it beside the result."""
    if judgement is None:
        return output
    safety: dict[str, object] = {"safety_level": judgement.verdict, "safety_reason": judgement.reason}
    return replace(output, metadata={**(output.metadata or {}), **safety})
