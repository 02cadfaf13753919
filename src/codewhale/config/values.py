"""Values of settings between text and types: what a person typed made into what a key takes, and what is in force made fit
to be shown. No secret gets through `shown`.
"""

import re
import tomllib
import types
import typing
from contextlib import suppress
from typing import Any, cast

import msgspec

from codewhale.config.catalogue import SECRET_KEYS
from codewhale.config.settings import Secret
from codewhale.domain.errors import InvalidInput

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_USERINFO = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"(://[^?#\s]*)\?\S*")
_PRIVATE = frozenset({"redaction.extra", "hooks.hooks", "hooks.sinks"})


def parsed(raw: str, kind: Any, key: str) -> object:
    """What `raw` means as a value of this type: a text as it is, else TOML (`5`, `["a"]`, `{ a = "b" }`), a list also with
    commas. `InvalidInput` says what the key takes."""
    for candidate in _readings(raw, kind):
        try:
            return msgspec.json.decode(msgspec.json.encode(msgspec.convert(candidate, kind, strict=True)))
        except msgspec.ValidationError:
            continue
    raise InvalidInput(
        f"{key}: {raw[:80]!r} does not fit; it takes: {type_words(kind).replace('`', '')}",
        hint="`codewhale config explain " + key + "`",
    )


def _readings(raw: str, kind: Any) -> list[object]:
    found: list[object] = [raw]
    if raw.lower() in _TRUTH and bool in _kinds(kind):
        return [_TRUTH[raw.lower()]]
    with suppress(tomllib.TOMLDecodeError):
        found.append(tomllib.loads(f"value = {raw}")["value"])
    if any(typing.get_origin(one) is tuple for one in _kinds(kind)):
        found.append([part.strip() for part in raw.split(",") if part.strip()])
    return found


def _kinds(kind: Any) -> list[Any]:
    """The types that a value may have, limits taken off."""
    if typing.get_origin(kind) is typing.Annotated:
        return _kinds(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [inner for one in typing.get_args(kind) for inner in _kinds(one)]
    return [kind]


def type_words(kind: Any) -> str:
    """A type in a reader's words; the name of a record stays its name."""
    if kind is None or kind is type(None):
        return ""
    origin, given = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return type_words(given[0]) + _limits(given[1:])
    if origin is typing.Literal:
        return " / ".join(f"`{value}`" for value in given)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(filter(None, (type_words(g) for g in given if g is not msgspec.UnsetType)))
    if origin in (list, tuple):
        return f"list of {type_words(given[0])}"
    if origin is dict:
        return f"table of {type_words(given[1])}"
    words: dict[Any, str] = {str: "text", int: "number", float: "number", bool: "true / false", object: "any JSON"}
    return words.get(kind) or getattr(kind, "__name__", str(kind))


def _limits(metas: tuple[Any, ...]) -> str:
    bounds = [(m.ge, m.gt, m.le) for m in metas if isinstance(m, msgspec.Meta)]
    words = [
        text
        for ge, gt, le in bounds
        for text in (
            f"from {ge}" if ge is not None else "",
            f"above {gt}" if gt is not None else "",
            f"to {le}" if le is not None else "",
        )
        if text
    ]
    return f" ({' '.join(words)})" if words else ""


def shown(pattern: str, value: object) -> object:
    """The value as it may be shown: plain types, without keys, passwords in addresses, and texts that are secrets."""
    if isinstance(value, Secret):
        return masked(value.reveal())
    if pattern in SECRET_KEYS and isinstance(value, str):
        return masked(value)
    if pattern in _PRIVATE and isinstance(value, list | tuple):
        count = len(cast("list[object]", value))
        return f"({count} in the file)" if count else []
    if pattern.endswith("http_headers") and isinstance(value, dict):
        return dict.fromkeys(cast("dict[str, object]", value), "(hidden)")
    return _plain(msgspec.to_builtins(value, enc_hook=lambda _: "(hidden)"))


def masked(key: str) -> str:
    """That there is a key, and its last four characters where it is long enough to have others."""
    return f"(hidden, ends in {key[-4:]})" if len(key) >= 16 else "(hidden)"


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _QUERY.sub(r"\1?(hidden)", _USERINFO.sub("//(hidden)@", value))
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in cast("dict[str, object]", value).items()}
    return value


def written(value: object) -> str:
    """A shown value as TOML would have it, in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return "[" + ", ".join(written(one) for one in cast("list[object]", value)) + "]"
    if isinstance(value, dict):
        rows = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f" {key} = {written(one)}" for key, one in rows) + (" }" if rows else "}")
    return msgspec.json.encode(value).decode()
