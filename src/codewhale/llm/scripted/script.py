"""The script: what the scripted model answers, as typed values read from TOML or JSON.

An unknown key or a wrong type is a `ConfigError` that names the key and its path; a script that loads can be played.
`docs/scripted-model.md` is the guide; the defaults here are the truth.
"""

import os
from typing import Literal

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ConfigError
from codewhale.domain.records import Usage
from codewhale.llm.scripted.faults import Fault, Point

MAX_DELTAS = 1_000_000
EXHAUSTED = "The script has no further reply."
SHORT = "OK"


class Repeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same delta, `count` times."""

    text: str
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= MAX_DELTAS:
            raise ValueError(f"count must be between 0 and {MAX_DELTAS}")


Words = str | tuple[str, ...] | Repeat
"""A text: cut into deltas of `chunk` characters, given delta by delta, or one delta repeated."""


class Call(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call. Of several names in `tool` the first one that the request offers is called; `force` calls the first
    whether offered or not. `raw_arguments` is sent as it stands, valid JSON or not."""

    tool: str | tuple[str, ...]
    arguments: dict[str, object] | None = None
    raw_arguments: str | None = None
    id: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        if not self.names or not all(self.names):
            raise ValueError("tool needs at least one name")
        if self.arguments is not None and self.raw_arguments is not None:
            raise ValueError("give arguments or raw_arguments, not both")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.tool,) if isinstance(self.tool, str) else self.tool


class Hold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer waits at `at` until `name` is released; a released name stays open."""

    name: str
    at: Point = "after_headers"


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer of the model. `chunk` is in characters, `pace` in seconds between deltas. `usage` absent is an estimate,
    `"none"` is no usage at all; `usage_with_finish` puts it into the last delta's frame as some providers do."""

    reasoning: Words = ""
    text: Words = ""
    calls: tuple[Call, ...] = ()
    interleave: bool = False
    usage: Usage | Literal["none"] | None = None
    usage_with_finish: bool = False
    finish: str | None = None
    chunk: int | None = None
    pace: float | None = None
    hold: str | Hold | tuple[Hold, ...] = ()
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if self.chunk is not None and self.chunk < 1:
            raise ValueError("chunk must be at least 1")
        if self.pace is not None and not 0 <= self.pace <= 60:
            raise ValueError("pace must be between 0 and 60 seconds")
        points = {hold.at for hold in self.holds}.union(*(fault.points for fault in self.faults))
        if "mid_text" in points and not self.text:
            raise ValueError("a fault or hold is at mid_text, but the reply has no text")
        if "mid_reasoning" in points and not self.reasoning:
            raise ValueError("a fault or hold is at mid_reasoning, but the reply has no reasoning")
        if "mid_arguments" in points and not self.calls:
            raise ValueError("a fault or hold is at mid_arguments, but the reply has no calls")

    @property
    def holds(self) -> tuple[Hold, ...]:
        if isinstance(self.hold, str):
            return (Hold(name=self.hold),)
        return (self.hold,) if isinstance(self.hold, Hold) else self.hold


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a turn answers; all that is given must hold. Texts are compared as they are, case included.
    `contains` looks at the last user message, `result_contains` at the tool results since the last answer."""

    contains: str | None = None
    result_contains: str | None = None
    system_contains: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if not any((self.contains, self.result_contains, self.system_contains, self.model)):
            raise ValueError("when needs contains, result_contains, system_contains or model")


class ScriptedTurn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The replies that follow one user message. With `when.result_contains` there is one, given whenever it fits."""

    reply: tuple[Reply, ...]
    when: When | None = None

    def __post_init__(self) -> None:
        if not self.reply:
            raise ValueError("a turn needs at least one reply")
        if self.when is not None and self.when.result_contains is not None and len(self.reply) > 1:
            raise ValueError("a turn chosen by result_contains has one reply: what fits again is answered again")


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole script. Which reply answers a request is decided in `choose.py`."""

    reply: tuple[Reply, ...] = ()
    turn: tuple[ScriptedTurn, ...] = ()
    default: Reply = Reply(text=EXHAUSTED)
    untooled: Reply | None = None
    models: tuple[str, ...] = ("scripted",)
    strict: bool = True
    chunk: int = 24
    pace: float = 0.0

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError("chunk must be at least 1")
        if not 0 <= self.pace <= 60:
            raise ValueError("pace must be between 0 and 60 seconds")
        if self.reply and any(turn.when is None for turn in self.turn):
            raise ValueError("use [[reply]] or [[turn]] without when, not both: each of them numbers the conversation")
        if self.untooled is not None and self.untooled.calls:
            raise ValueError("untooled answers requests that offer no tools, so it cannot have calls")

    @property
    def replies(self) -> tuple[Reply, ...]:
        extra = () if self.untooled is None else (self.untooled,)
        return (*self.reply, *(r for turn in self.turn for r in turn.reply), self.default, *extra)

    @property
    def hold_names(self) -> frozenset[str]:
        return frozenset(hold.name for reply in self.replies for hold in reply.holds)


def load_script(path: str | os.PathLike[str]) -> Script:
    """The script in a file; `.json` is JSON, everything else TOML. `ConfigError` when it cannot be read or played."""
    name = os.fspath(path)
    try:
        with open(name, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(
            f"The script {name} cannot be read: {error.strerror or error}", hint="Give --script an existing file."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The script {name} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    return parse_script(text, json=name.lower().endswith(".json"), name=name)


def parse_script(text: str, *, json: bool = False, name: str = "script") -> Script:
    """The script in a text. Errors name the path of the key, as `reply[2].calls[0]`."""
    try:
        return msgspec.json.decode(text, type=Script) if json else msgspec.toml.decode(text, type=Script)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$.", "`").replace("at `$`", "at the top level")
        raise ConfigError(f"{name}: {said}", hint="docs/scripted-model.md lists every key.") from error
    except ValueError as error:
        raise ConfigError(f"{name}: not valid {'JSON' if json else 'TOML'}: {error}") from error
