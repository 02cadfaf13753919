"""`request_user_input`: asks the person one to three questions and waits for the answers, which are events in the log."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.requests import Question, QuestionOption, UserInput
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext


class AskedOption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to pick."""

    label: Annotated[str, Meta(min_length=1, max_length=80)]
    description: Annotated[str, Meta(max_length=400)]


class AskedQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question as the model writes it."""

    header: Annotated[str, Meta(min_length=1, max_length=40, description="Title of one or two words.")]
    id: Annotated[str, Meta(min_length=1, max_length=64, description="Unique; the answer refers to it.")]
    question: Annotated[str, Meta(min_length=1, max_length=1000)]
    options: Annotated[tuple[AskedOption, ...], Meta(min_length=2, max_length=4)]
    allow_free_text: bool = False


class RequestUserInput(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `request_user_input`."""

    questions: Annotated[tuple[AskedQuestion, ...], Meta(min_length=1, max_length=3)]


async def run(args: RequestUserInput, ctx: ToolContext) -> ToolOutput:
    """Ask and wait. The model gets `{"answers":[{"id","label","value"}]}`."""
    _refuse_twins("question id", [question.id for question in args.questions])
    for question in args.questions:
        _refuse_twins(f"option label in question {question.id!r}", [option.label for option in question.options])
    answers = await ctx.ask(UserInput(questions=tuple(_question(question) for question in args.questions)))
    plain: list[object] = [msgspec.to_builtins(answer) for answer in answers]
    return ToolOutput(text=msgspec.json.encode({"answers": plain}).decode(), metadata={"answers": plain})


def _question(asked: AskedQuestion) -> Question:
    return Question(
        header=asked.header,
        id=asked.id,
        question=asked.question,
        options=tuple(QuestionOption(label=o.label, description=o.description) for o in asked.options),
        allow_free_text=asked.allow_free_text,
    )


def _refuse_twins(what: str, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ToolError(f"Each {what} must be unique; {twins[0]!r} is there twice.", category="invalid_input")


def _describe(args: RequestUserInput) -> str:
    return "Ask: " + " / ".join(question.question for question in args.questions)


TOOLS = (
    Tool(
        name="request_user_input",
        description=(
            "Ask the person 1 to 3 questions with 2 to 4 options each, and wait. Only for decisions that you cannot "
            "make from the code or the request."
        ),
        arguments=RequestUserInput,
        effects=frozenset({"interact"}),
        default="allow",
        run=run,
        describe=_describe,
    ),
)
