"""Which reply answers a request. Decided by the request alone, so that resumed threads, forks and repeats work.

First the `[[turn]]` groups whose `when` holds, then the n-th `[[turn]]` without `when` for the n-th user message; inside a
turn the reply is numbered by the assistant messages since that user message. A script of plain `[[reply]]`s is numbered by
all assistant messages of the conversation. Adjacent user messages count as one.
"""

from msgspec import Struct

from codewhale.llm.scripted.asked import Asked, Said
from codewhale.llm.scripted.script import SHORT, Reply, Script, When


class Chosen(Struct, frozen=True, kw_only=True):
    """The reply and its place in the script, as `turn[1].reply[0]`."""

    reply: Reply
    place: str


def choose(script: Script, asked: Asked) -> Chosen:
    """The reply to a request; the script's default when nothing is left. A request that offers no tools gets the
    `untooled` reply, or else a short text in place of a reply that has calls."""
    if not asked.tools and script.untooled is not None:
        return Chosen(reply=script.untooled, place="untooled")
    found = _scripted(script, asked)
    if not asked.tools and any(not call.force for call in found.reply.calls):
        return Chosen(reply=Reply(text=SHORT), place="short")
    return found


def _scripted(script: Script, asked: Asked) -> Chosen:
    turns = [group for group in _user_groups(asked.said) if group.texts]
    last = turns[-1] if turns else _Group()
    for at, turn in enumerate(script.turn):
        if turn.when is not None and _holds(turn.when, asked, last):
            return _nth(turn.reply, 0 if turn.when.result_contains else last.answers, f"turn[{at}].reply", script)
    numbered = [(at, turn) for at, turn in enumerate(script.turn) if turn.when is None]
    if numbered:
        if len(turns) > len(numbered) or not turns:
            return Chosen(reply=script.default, place="default")
        at, turn = numbered[len(turns) - 1]
        return _nth(turn.reply, last.answers, f"turn[{at}].reply", script)
    return _nth(script.reply, asked.steps, "reply", script)


def _nth(replies: tuple[Reply, ...], at: int, place: str, script: Script) -> Chosen:
    if at < len(replies):
        return Chosen(reply=replies[at], place=f"{place}[{at}]")
    return Chosen(reply=script.default, place="default")


class _Group(Struct):
    texts: tuple[str, ...] = ()
    answers: int = 0


def _user_groups(said: tuple[Said, ...]) -> list[_Group]:
    groups: list[_Group] = [_Group()]
    open_group = False
    for one in said:
        if one.role == "user":
            if not open_group:
                groups.append(_Group())
            groups[-1].texts = (*groups[-1].texts, one.text or "")
            open_group = True
        elif one.role == "assistant":
            groups[-1].answers += 1
            open_group = False
        elif one.role == "tool":
            open_group = False
    return groups


def _holds(when: When, asked: Asked, last: _Group) -> bool:
    if when.model is not None and when.model != asked.model:
        return False
    if when.contains is not None and not any(when.contains in text for text in last.texts):
        return False
    if when.result_contains is not None and not any(when.result_contains in text for text in asked.results):
        return False
    if when.system_contains is None:
        return True
    return any(when.system_contains in (s.text or "") for s in asked.said if s.role in ("system", "developer"))
