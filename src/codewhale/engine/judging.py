"""The verdict on the shell command of a call, before anybody is asked: what the gate and the person get to know of it.

The judge is imported with the first command: it brings a parser that most turns never need.
"""

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.policy.commands.verdict import Judgement, Place
from codewhale.tools.tool import Tool
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes


def judged(tool: Tool, arguments: Struct, files: Files, processes: Processes) -> Judgement | None:
    """The verdict on the command that the call would run; None for a tool that runs none."""
    if tool.command is None:
        return None
    from codewhale.policy.commands.judge import judge

    text, cwd = tool.command(arguments)
    try:
        folder = files.directory(cwd or ".")
    except ToolError:  # the tool will say so itself; nothing runs there
        folder = files.root
    return judge(text, Place(workspace=files.root, cwd=folder, home=processes.home))


def stamped(output: ToolOutput, judgement: Judgement | None) -> ToolOutput:
    """The output with the verdict in its metadata, so that a person sees it beside the result."""
    if judgement is None:
        return output
    safety: dict[str, object] = {"safety_level": judgement.verdict, "safety_reason": judgement.reason}
    return replace(output, metadata={**(output.metadata or {}), **safety})
