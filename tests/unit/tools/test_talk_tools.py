"""update_plan, checklist_write and request_user_input: nothing but words, so no files and no processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.requests import Answer, Question, QuestionOption, UserInput
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import R, Wish
from codewhale.tools.registry import find
from codewhale.tools.schema import parse_arguments
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes


class Person:
    """Answers every question with its first option."""

    def __init__(self) -> None:
        self.asked: list[UserInput] = []

    async def __call__(self, wish: Wish[R]) -> R:
        assert isinstance(wish, UserInput)
        self.asked.append(wish)
        answers = tuple(Answer(id=q.id, label=q.options[0].label, value=q.options[0].label) for q in wish.questions)
        return cast("R", answers)


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def context(tmp_path: Path, person: Person) -> Iterator[ToolContext]:
    processes = Processes({})
    yield ToolContext(files=Files(str(tmp_path)), processes=processes, progress=list[str]().append, ask=person)
    processes.close()


async def call(context: ToolContext, name: str, arguments: object) -> ToolOutput:
    tool = find(name)
    assert tool is not None
    return await tool.run(parse_arguments(tool, msgspec.json.encode(arguments).decode()), context)


async def test_a_plan(context: ToolContext) -> None:
    plan = [{"step": "read", "status": "completed"}, {"step": "fix", "status": "in_progress"}, {"step": "test"}]
    output = await call(context, "update_plan", {"plan": plan, "explanation": "found it"})
    plan[2]["status"] = "pending"
    assert output == ToolOutput(
        text="Plan updated: 1 of 3 steps completed.", metadata={"plan": plan, "explanation": "found it"}
    )


async def test_a_checklist_is_a_task_update(context: ToolContext) -> None:
    todos = [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}, {"content": "c"}]
    output = await call(context, "checklist_write", {"todos": todos})
    assert output == ToolOutput(
        text="Checklist saved: 1 of 3 items completed.",
        metadata={
            "task_updates": {
                "checklist": {
                    "items": [
                        {"id": 1, "content": "a", "status": "completed"},
                        {"id": 2, "content": "b", "status": "in_progress"},
                        {"id": 3, "content": "c", "status": "pending"},
                    ],
                    "completion_pct": 33,
                    "in_progress_id": 2,
                }
            }
        },
    )


async def test_an_empty_list_clears_it(context: ToolContext) -> None:
    output = await call(context, "checklist_write", {"todos": []})
    empty: dict[str, object] = {"items": [], "completion_pct": 0, "in_progress_id": None}
    assert output == ToolOutput(text="Checklist cleared.", metadata={"task_updates": {"checklist": empty}})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("update_plan", {"plan": [{"step": "a", "status": "in_progress"}, {"step": "b", "status": "in_progress"}]}),
        ("update_plan", {"plan": []}),
        ("update_plan", {"plan": [{"step": "a", "status": "done"}]}),
        ("checklist_write", {"todos": [{"content": "a", "status": "in_progress"}] * 2}),
        ("checklist_write", {"todos": [{"content": ""}]}),
        ("checklist_write", {"items": []}),
    ],
)
async def test_what_makes_no_plan_is_refused(context: ToolContext, name: str, arguments: object) -> None:
    with pytest.raises(ToolError) as caught:
        await call(context, name, arguments)
    assert caught.value.category == "invalid_input"


def question(id: str, options: int = 2, **more: object) -> dict[str, object]:
    labels = [{"label": f"{id}{n}", "description": "d"} for n in range(options)]
    return {"header": "H", "id": id, "question": "Which?", "options": labels, **more}


async def test_a_person_is_asked_and_the_model_told(context: ToolContext, person: Person) -> None:
    output = await call(
        context, "request_user_input", {"questions": [question("x"), question("y", allow_free_text=True)]}
    )
    assert person.asked == [
        UserInput(
            questions=tuple(
                Question(
                    header="H",
                    id=name,
                    question="Which?",
                    options=tuple(QuestionOption(label=f"{name}{n}", description="d") for n in range(2)),
                    allow_free_text=many,
                )
                for name, many in (("x", False), ("y", True))
            )
        )
    ]
    answers = [{"id": "x", "label": "x0", "value": "x0"}, {"id": "y", "label": "y0", "value": "y0"}]
    assert (msgspec.json.decode(output.text), output.metadata) == ({"answers": answers}, {"answers": answers})


@pytest.mark.parametrize(
    "questions",
    [
        [],
        [question(name) for name in "abcd"],
        [question("a"), question("a")],
        [question("a", options=1)],
        [question("a", options=5)],
        [question("a") | {"options": [{"label": "same", "description": ""}] * 2}],
        [question("")],
    ],
)
async def test_questions_that_cannot_be_put(
    context: ToolContext, person: Person, questions: list[dict[str, object]]
) -> None:
    with pytest.raises(ToolError) as caught:
        await call(context, "request_user_input", {"questions": questions})
    assert caught.value.category == "invalid_input"
    assert person.asked == []
