"""The measure of requests: the same whether the one before is in memory or only its marks are, and true to the requests."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.messages import AssistantMessage, Message, ModelRequest, ToolMessage, ToolSpec, UserMessage
from codewhale.engine.shapes import Shapes

TEXTS = st.text(max_size=20)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    TEXTS.map(lambda text: UserMessage(text=text)),
    TEXTS.map(lambda text: AssistantMessage(text=text)),
    TEXTS.map(lambda text: ToolMessage(call_id="c", name="t", text=text)),
)
TOOLS = st.lists(st.sampled_from("abcd"), unique=True, max_size=4).map(
    lambda names: tuple(ToolSpec(name=name, description=name * 3, parameters={}) for name in names)
)
REQUESTS = st.builds(
    ModelRequest,
    model=st.just("m"),
    system=st.sampled_from(["", "one", "two"]),
    messages=st.lists(MESSAGES, max_size=6).map(tuple),
    tools=TOOLS,
)


@given(st.lists(REQUESTS, min_size=2, max_size=5))
def test_what_is_the_same_is_the_same_and_nothing_more(requests: list[ModelRequest]) -> None:
    shapes = Shapes()
    for before, now in zip([None, *requests], requests, strict=False):
        shape = shapes.of(now)
        assert shape.whole == len(now.system) + size(now.tools) + size(now.messages)
        if before is None:
            assert (shape.before, shape.same, shape.differs) == (0, 0, "")
            continue
        assert shape.before == len(before.system) + size(before.tools) + size(before.messages)
        assert (shape.differs == "") == continues(before, now)
        assert shape.same == (shape.before if continues(before, now) else shared(before, now))


@given(REQUESTS, st.lists(MESSAGES, max_size=3), st.booleans())
def test_a_restart_knows_whether_a_request_continues_the_one_before(
    before: ModelRequest, more: list[Message], changed: bool
) -> None:
    messages = (*before.messages, *more)
    if changed:
        messages = (UserMessage(text="another beginning"), *messages[1:])
    now = msgspec.structs.replace(before, messages=messages)
    shape = Shapes(Shapes().of(before)).of(now)
    assert (shape.differs == "") == continues(before, now)
    assert shape.before == Shapes().of(before).whole
    if shape.differs == "":
        assert shape.same == shape.before


def size(values: tuple[object, ...]) -> int:
    return sum(len(msgspec.json.encode(value)) for value in values)


def continues(before: ModelRequest, now: ModelRequest) -> bool:
    same_header = (before.system, before.tools) == (now.system, now.tools)
    return same_header and now.messages[: len(before.messages)] == before.messages


def shared(before: ModelRequest, now: ModelRequest) -> int:
    if before.system != now.system:
        return 0
    if before.tools != now.tools:
        return len(now.system) + size(common(before.tools, now.tools))
    return len(now.system) + size(now.tools) + size(common(before.messages, now.messages))


def common(one: tuple[object, ...], other: tuple[object, ...]) -> tuple[object, ...]:
    kept = 0
    while kept < min(len(one), len(other)) and one[kept] == other[kept]:
        kept += 1
    return one[:kept]
