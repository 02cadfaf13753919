"""`tool_search`: finds tools that the first request does not carry. What it finds is in the requests from the next step on.

The catalogue belongs to the turn, so the engine grants the wish; the names go into the item's metadata, and so into the log.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.tool_search import MOST_FOUND, FindTools, FoundTool, FoundTools, Match
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext


class ToolSearch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for."""

    query: Annotated[
        str, Meta(min_length=1, max_length=400, description="What you want to do, in a few words; or names.")
    ]
    match: Annotated[Match, Meta(description="Any or all of the words, or exact names.")] = "any"
    limit: Annotated[int, Meta(ge=1, le=MOST_FOUND)] = MOST_FOUND


async def run(args: ToolSearch, ctx: ToolContext) -> ToolOutput:
    """Reference what fits; `metadata.activated` are the names."""
    found = await ctx.ask(FindTools(query=args.query, match=args.match, limit=args.limit))
    names = [tool.name for tool in found.found]
    text = msgspec.json.encode(_result(found)).decode()
    return ToolOutput(text=text, metadata={"event": "tool.search", "activated": names} if names else None)


def _result(found: FoundTools) -> dict[str, object]:
    result: dict[str, object] = {
        "type": "tool_search_tool_search_result",
        "tool_references": [_reference(tool) for tool in found.found],
    }
    if found.shown:
        result["already_available"] = found.shown
    if found.unavailable:
        result["unavailable"] = [f"{name} is unavailable because {reason}" for name, reason in found.unavailable]
    result["message"] = _message(found)
    return result


def _reference(tool: FoundTool) -> dict[str, object]:
    reference: dict[str, object] = {"type": "tool_reference", "tool_name": tool.name, "description": tool.description}
    if tool.parameters is not None:
        reference["parameters"] = tool.parameters
    return reference


def _message(found: FoundTools) -> str:
    if not found.found:
        others = f"Others that there are: {', '.join(found.others)}." if found.others else "There are no others."
        return f"Nothing new fits. {others}"
    if all(tool.parameters is None for tool in found.found):
        return "These tools are available from now on. Call them by name."
    return (
        "Call these tools by name. There was no room for all of their schemas: where `parameters` is given, go by it."
    )


TOOLS = (
    Tool(
        name="tool_search",
        description=(
            "Find more tools; those listed here are not all. There are tools for git, GitHub, the web, tests, diagnostics, "
            "background commands, tasks and schedules, checklists, notes, review, images, documents and earlier outputs. "
            "What is found can be called from then on."
        ),
        arguments=ToolSearch,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
