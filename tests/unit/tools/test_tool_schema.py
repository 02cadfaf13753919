from collections.abc import Awaitable
from contextlib import suppress
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.messages import ToolSpec
from codewhale.domain.tools import ToolOutput
from codewhale.tools.lexical import MAX_BYTES, check_lexical
from codewhale.tools.schema import parameters, parse_arguments, spec
from codewhale.tools.tool import Tool, ToolContext


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    search: Annotated[str, Meta(min_length=1)]
    replace: str


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="Where.")]
    limit: Annotated[int, Meta(ge=1, le=9)] = 5
    kind: Annotated[Literal["a", "b"] | None, Meta(description="Which.")] = None
    exact: bool = False
    edits: Annotated[tuple[Edit, ...], Meta(min_length=1, max_length=3, description="What.")] = ()
    ratio: Annotated[float, Meta(description="How (default 1).")] = 1.0


def run(_: Arguments, __: ToolContext) -> Awaitable[ToolOutput]:
    raise NotImplementedError


TOOL = Tool(
    name="sample", description="A sample.", arguments=Arguments, effects=frozenset({"read"}), default="allow", run=run
)
FIELDS = (
    'Fields: path: string, limit: integer (optional), kind: ["a","b"] (optional), exact: boolean (optional), '
    "edits: array (optional), ratio: number (optional)."
)


def test_the_schema_is_inline_closed_and_small() -> None:
    edit = {
        "type": "object",
        "properties": {"search": {"type": "string"}, "replace": {"type": "string"}},
        "required": ["search", "replace"],
        "additionalProperties": False,
    }
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
            "kind": {"type": "string", "enum": ["a", "b"], "description": "Which."},
            "exact": {"type": "boolean"},
            "edits": {"type": "array", "items": edit, "description": "What.", "minItems": 1, "maxItems": 3},
            "ratio": {"type": "number", "description": "How (default 1)."},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    assert spec(TOOL) == ToolSpec(name="sample", description="A sample.", parameters=schema)
    assert msgspec.json.encode(parameters(Arguments)) == msgspec.json.encode(schema)


def test_what_the_model_cannot_be_told_is_refused_when_the_tool_is_written() -> None:
    class Odd(Struct):
        anything: dict[str, object]

    with pytest.raises(TypeError, match="cannot be of type"):
        parameters(Odd)


def test_good_arguments() -> None:
    text = '{"path":"x","limit":2,"kind":null,"edits":[{"search":"a","replace":"b"}]}'
    assert parse_arguments(TOOL, text) == Arguments(path="x", limit=2, edits=(Edit(search="a", replace="b"),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the arguments are empty; send a JSON object."),
        ("  \n", "the arguments are empty; send a JSON object."),
        ("[]", "the arguments must be a JSON object, not []."),
        ('"text"', 'the arguments must be a JSON object, not "text".'),
        ("{}", "missing field `path` (string)."),
        ('{"path":1}', "`path`: expected `str`, got `int` (received 1)."),
        ('{"path":null}', "`path`: expected `str`, got `null`."),
        ('{"path":"x","limit":"3"}', '`limit`: expected `int | null`, got `str` (received "3").'),
        ('{"path":"x","limit":0}', "`limit`: expected `int` >= 1 (received 0)."),
        ('{"path":"x","kind":"c"}', "`kind`: invalid enum value 'c' (received \"c\")."),
        ('{"path":"x","edits":[{"search":"a"}]}', "`edits[0]`: object missing required field `replace`."),
        ('{"file_path":"x"}', "unknown field `file_path`; did you mean `path`?\nmissing field `path` (string)."),
        ('{"pth":"x"}', "unknown field `pth`; did you mean `path`?\nmissing field `path` (string)."),
        ('{"path":"x","limits":1,"zzzzzzzzz":2}', "unknown field `limits`; did you mean `limit`?\nunknown field `zzzzzzzzz`."),
        ('{"path":"x","path":"y"}', "the arguments are given the field `path` twice."),
        ('{"path":"x","p\\u0061th":"y"}', "the arguments are given the field `path` twice."),
        ('{"path":"x","edits":[{"search":"a","search":"b","replace":""}]}', "the arguments are given the field `search` twice."),
        ('{"path":' + "[" * 65, "the arguments are nested deeper than 64 levels."),
        ('{"path":"\ud800"}', "the arguments contain half of a surrogate pair, which is not text."),
    ],
)  # fmt: skip
def test_the_model_is_told_what_does_not_fit(text: str, problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        parse_arguments(TOOL, text)
    problem = problem.replace("`int | null`", "`int`")
    assert (caught.value.message, caught.value.category) == (
        f"sample was not run: {problem}\n{FIELDS}",
        "invalid_input",
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"path":"x"',
        '{"path":"x",}',
        "{'path':'x'}",
        '{"path":"x"} more',
        '{"ratio":NaN,"path":"x"}',
        "{path:1}",
        "null{",
    ],
)
def test_what_is_no_json_is_never_an_empty_call(text: str) -> None:
    with pytest.raises(ToolError, match="the arguments are not valid JSON"):
        parse_arguments(TOOL, text)


def test_too_much_is_refused_before_it_is_read() -> None:
    text = '{"path":"' + "x" * MAX_BYTES + '"}'
    with pytest.raises(ToolError, match="Split the call"):
        parse_arguments(TOOL, text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_no_valid_json_has_lexical_problems(value: object) -> None:
    assert check_lexical(msgspec.json.encode(value).decode()) is None


@given(st.text(max_size=60))
def test_any_text_gives_arguments_or_a_tool_error(text: str) -> None:
    with suppress(ToolError):
        assert isinstance(parse_arguments(TOOL, text), Arguments)
