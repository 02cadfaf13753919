"""`update_plan`: the model states its plan, so that people can follow and correct it. Changes nothing else."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext

StepStatus = Literal["pending", "in_progress", "completed"]


class PlanStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a plan."""

    step: Annotated[str, Meta(min_length=1, max_length=500)]
    status: StepStatus = "pending"


class UpdatePlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `update_plan`."""

    plan: Annotated[tuple[PlanStep, ...], Meta(min_length=1, max_length=50, description="The whole plan, in order.")]
    explanation: Annotated[Annotated[str, Meta(max_length=4000)] | None, Meta(description="Why it changed.")] = None


async def run(args: UpdatePlan, ctx: ToolContext) -> ToolOutput:  # noqa: ARG001
    """Accept the plan; `metadata.plan` and `metadata.explanation` are what surfaces show."""
    active = [step.step for step in args.plan if step.status == "in_progress"]
    if len(active) > 1:
        raise ToolError(f"Only one step can be in_progress; {len(active)} are.", category="invalid_input")
    done = sum(step.status == "completed" for step in args.plan)
    text = f"Plan updated: {done} of {len(args.plan)} steps completed."
    metadata: dict[str, object] = {"plan": [msgspec.to_builtins(step) for step in args.plan]}
    if args.explanation is not None:
        metadata["explanation"] = args.explanation
    return ToolOutput(text=text, metadata=metadata)


TOOLS = (
    Tool(
        name="update_plan",
        description="Show or update your plan for work of several steps. Send all steps; at most one in_progress.",
        arguments=UpdatePlan,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
