"""What a model is asked when it shall summarise its conversation, and what takes the conversation's place. Pure.

A call and its result are never separated: what is left out is whole steps. Sizes are characters.
"""

import os
from collections.abc import Sequence
from functools import cache

from msgspec.structs import replace

from codewhale.context.estimate import message_size, size
from codewhale.context.state import Words, WorkState, parsed, rendered
from codewhale.domain.messages import AssistantMessage, Message, ToolMessage, UserMessage

PRUNED_FROM = 400
"""Results and arguments below this are not worth pruning."""
HEADER = "Summary of the conversation so far. The messages before it were replaced by it."
_STATE = "The state of the work, kept by the runtime; it is right where anything else here differs from it:"
_AGAIN = "Results that were left out and can be read again with retrieve_tool_result, by ref:"
_FIRST = "What the person asked for at first, word for word:"
_LATEST = "The person's latest messages, word for word, oldest first:"


def instruction(reason: str | None) -> str:
    """The last message of the request for a summary."""
    wish = f"\nWhy the person asks for it now: {reason.strip()}\n" if reason and reason.strip() else ""
    return _prompt() + wish


def fitting(messages: Sequence[Message], limit: int) -> list[Message]:
    """`messages` with at most about `limit` characters: as they are when they fit, else with old tool results pruned,
    oldest first; when that is not enough, the first step and the latest ones, texts shortened."""
    if size(messages) <= limit:
        return list(messages)
    pruned = _pruned(messages, limit)
    return pruned if size(pruned) <= limit else _latest(pruned, limit)


def replacement(summary: str, state: WorkState, words: Words, again: Sequence[str] = ()) -> str:
    """The text that becomes the start of the conversation: the state of the work as it is, the summary, which results can be
    read again, and what the person said, word for word."""
    parts = [HEADER, *([f"{_STATE}\n{rendered(state)}"] if state != WorkState() else []), summary]
    if again:
        parts.append("\n".join([_AGAIN, *(f"- {line}" for line in again)]))
    if words.goal:
        parts.append(f"{_FIRST}\n\n{words.goal}")
    if words.latest:
        parts.append(f"{_LATEST}\n\n" + "\n\n---\n\n".join(words.latest))
    return "\n\n".join(parts)


def carries(text: str, state: WorkState, words: Words) -> bool:
    """Whether a replacement has the state and the person's words as they are."""
    return parsed(text) == state and all(said in text for said in (words.goal, *words.latest))


def _pruned(messages: Sequence[Message], limit: int) -> list[Message]:
    found = list(messages)
    over = size(found) - limit
    for index, message in enumerate(found):
        if over <= 0:
            break
        smaller = _prune(message)
        over -= message_size(message) - message_size(smaller)
        found[index] = smaller
    return found


def _prune(message: Message) -> Message:
    match message:
        case ToolMessage() if len(message.text) > PRUNED_FROM:
            return replace(message, text=f"[the result of {message.name} was left out: {len(message.text)} characters]")
        case AssistantMessage() if any(len(call.arguments) > PRUNED_FROM for call in message.calls):
            return replace(
                message,
                calls=tuple(
                    replace(call, arguments=f'{{"left_out":"{len(call.arguments)} characters"}}')
                    if len(call.arguments) > PRUNED_FROM
                    else call
                    for call in message.calls
                ),
            )
        case _:
            return message


def _latest(messages: Sequence[Message], limit: int) -> list[Message]:
    steps = _steps(messages)
    first = [_short(message, limit // 4) for message in steps[0]]
    kept: list[list[Message]] = []
    left = limit - size(first)
    for step in reversed(steps[1:]):
        if size(step) > left:
            if not kept:
                kept.append([_short(message, max(left // len(step), PRUNED_FROM)) for message in step])
            break
        left -= size(step)
        kept.append(step)
    omitted = len(steps) - 1 - len(kept)
    gap = [UserMessage(text=f"[{omitted} steps of the conversation are left out here]")] if omitted else []
    return [*first, *gap, *(message for step in reversed(kept) for message in step)]


def _steps(messages: Sequence[Message]) -> list[list[Message]]:
    """The messages in groups that stay together: each begins with a message that is no result."""
    steps: list[list[Message]] = []
    for message in messages:
        if isinstance(message, ToolMessage) and steps:
            steps[-1].append(message)
        else:
            steps.append([message])
    return steps


def _short(message: Message, limit: int) -> Message:
    if isinstance(message, AssistantMessage):
        return replace(
            message, text=_shortened(message.text, limit), reasoning=_shortened(message.reasoning, limit // 4)
        )
    return replace(message, text=_shortened(message.text, limit))


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = max(limit * 3 // 4, 0)
    tail = max(limit - head, 0)
    return f"{text[:head]}\n[{len(text) - head - tail} characters left out]\n{text[len(text) - tail :]}"


@cache
def _prompt() -> str:
    path = os.path.join(os.path.dirname(__file__), "prompts", "compact.md")
    with open(path, encoding="utf-8") as file:
        return file.read()
