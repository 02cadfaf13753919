"""Between a tool's argument type and the model: the JSON schema it is shown, and the check of what it sends back.

The schema is small and byte-for-byte the same in every process. Arguments are taken strictly: what does not fit is an
error that tells the model how to call again; nothing is guessed, converted or dropped.
"""

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from codewhale.domain.errors import ToolError
from codewhale.domain.messages import ToolSpec
from codewhale.domain.nearest import nearest
from codewhale.tools.lexical import check_lexical
from codewhale.tools.tool import Tool

_WORDS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_LIMITS: dict[str, tuple[str | None, str | None]] = {
    "ge": ("minimum", "minimum"),
    "le": ("maximum", "maximum"),
    "min_length": (None, "minItems"),
    "max_length": (None, "maxItems"),
    "pattern": ("pattern", None),
}
_MEANT = {
    "search": ("old_string", "old_str", "old_text", "old", "find"),
    "replace": ("new_string", "new_str", "new_text", "new", "replacement"),
    "path": ("file_path", "filepath", "filename", "file", "dir", "directory", "folder"),
    "content": ("contents", "text", "body", "file_text", "new_content"),
    "command": ("cmd", "script", "commands", "bash"),
    "timeout_ms": ("timeout", "timeout_secs", "timeout_seconds"),
    "cwd": ("workdir", "working_directory", "working_dir", "dir", "path"),
    "pattern": ("regex", "regexp", "search", "query"),
    "query": ("pattern", "name", "glob", "search"),
    "patch": ("diff", "input", "patch_text"),
    "plan": ("steps", "todos", "items"),
    "todos": ("items", "plan", "checklist"),
    "step": ("content", "title", "task"),
}


def spec(tool: Tool) -> ToolSpec:
    """The tool as the model is shown it, for `specs.json`."""
    return ToolSpec(name=tool.name, description=tool.description, parameters=parameters(tool.arguments))


def parameters(arguments: type[Struct]) -> dict[str, object]:
    """The JSON schema of an argument type: inline and closed, with descriptions and defaults.

    It is sent with every request, so it leaves out what a model does without: lengths of text (checked all the same), a
    default of false, and a default that the description names.
    """
    known = fields(arguments)
    schema: dict[str, object] = {
        "type": "object",
        "properties": {field.encode_name: _property(field) for field in known},
    }
    required = [field.encode_name for field in known if field.required]
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema


def parse_arguments(tool: Tool, text: str) -> Struct:
    """The arguments of a call as the tool's type. Raises `ToolError(invalid_input)` with a text for the model."""
    problem = check_lexical(text)
    if problem is None:
        try:
            return _decoder(tool.arguments).decode(text)
        except msgspec.ValidationError as error:
            problem = _misfit(tool.arguments, text, str(error))
        except msgspec.DecodeError as error:
            problem = _no_json(error)
    raise ToolError(f"{tool.name} was not run: {problem}\n{_signature(tool)}", category="invalid_input")


@cache
def _decoder(arguments: type[Struct]) -> msgspec.json.Decoder[Struct]:
    return msgspec.json.Decoder(arguments)


def _property(field: FieldInfo) -> dict[str, object]:
    schema = _schema(field.type)
    said = "(default" in str(schema.get("description"))
    if isinstance(field.default, str | int | float) and field.default is not False and not said:
        schema["default"] = field.default
    return schema


def _schema(kind: Any) -> dict[str, object]:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *metas = get_args(kind)
        schema = _schema(inner)
        for meta in metas:
            _describe(schema, meta)
        return schema
    if origin is Union or origin is types.UnionType:
        return _union([option for option in get_args(kind) if option is not type(None)])
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(kind))}
    if origin is tuple or origin is list:
        return {"type": "array", "items": _schema(get_args(kind)[0])}
    if kind in _WORDS:
        return {"type": _WORDS[kind]}
    if isinstance(kind, type) and issubclass(kind, Struct):
        return parameters(kind)
    raise TypeError(f"a tool argument cannot be of type {kind!r}")


def _union(options: list[Any]) -> dict[str, object]:
    return _schema(options[0]) if len(options) == 1 else {"anyOf": [_schema(option) for option in options]}


def _describe(schema: dict[str, object], meta: object) -> None:
    if not isinstance(meta, Meta):
        return
    if meta.description is not None:
        schema["description"] = meta.description
    for attribute, (scalar, sequence) in _LIMITS.items():
        limit = getattr(meta, attribute)
        name = sequence if schema.get("type") == "array" else scalar
        if limit is not None and name is not None:
            schema[name] = limit


def _no_json(error: msgspec.DecodeError) -> str:
    return f"the arguments are not valid JSON: {error}"


def _misfit(arguments: type[Struct], text: str, error: str) -> str:
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError as broken:  # the decoder met the misfit first
        return _no_json(broken)
    if not isinstance(value, dict):
        return f"the arguments must be a JSON object, not {_received(value)}."
    return "\n".join(_misfits(arguments, msgspec.json.decode(text, type=dict[str, object]), error))


def _misfits(arguments: type[Struct], given: dict[str, object], error: str) -> Iterator[str]:
    """Every unknown and missing field of the top level by name; what else is wrong as the decoder found it."""
    known = {field.encode_name: field for field in fields(arguments)}
    missing = [name for name, field in known.items() if field.required and name not in given]
    unknown = [name for name in given if name not in known]
    for name in unknown:
        meant = _meant(name, missing or [other for other in known if other not in given])
        yield f"unknown field `{name[:64]}`" + (f"; did you mean `{meant}`?" if meant else ".")
    for name in missing:
        yield f"missing field `{name}` ({_word(known[name])})."
    if not unknown and not missing:
        yield _plain(error, given)


def _meant(name: str, free: list[str]) -> str | None:
    for field in free:
        if name.lower() in _MEANT.get(field, ()):
            return field
    return nearest(name, free)


def _plain(error: str, given: dict[str, object]) -> str:
    """`Expected `str`, got `int` - at `$.path`` with the field first and what was received."""
    what, found, where = error.partition(" - at `$.")
    if not found:
        return f"{error}."
    path = where.rstrip("`")
    value = given.get(path)
    received = f" (received {_received(value)})" if value is not None else ""
    return f"`{path}`: {what[:1].lower()}{what[1:]}{received}."


def _received(value: object) -> str:
    shown = msgspec.json.encode(value).decode()
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _signature(tool: Tool) -> str:
    shown = (f"{f.encode_name}: {_word(f)}{'' if f.required else ' (optional)'}" for f in fields(tool.arguments))
    return f"Fields: {', '.join(shown)}." if tool.arguments.__struct_fields__ else "It takes no fields: send {}."


def _word(field: FieldInfo) -> str:
    schema = _schema(field.type)
    if "enum" in schema:
        return msgspec.json.encode(schema["enum"]).decode()
    return str(schema.get("type", "one of several types"))
