"""The OpenAPI document as one page of HTML: no script, nothing from elsewhere, every text escaped. Never imported at start-up."""

from collections.abc import Iterator
from html import escape
from typing import Any, cast

Json = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.6rem; } h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
code, .method { font-family: ui-monospace, monospace; font-size: .92em; }
.method { display: inline-block; font-weight: 700; min-width: 4.5em; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .35rem .8rem; }
summary { cursor: pointer; } summary span { opacity: .75; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
th, td { border-top: 1px solid var(--line); padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } nav a { margin-right: .9rem; } .required::after { content: " *"; color: #c33; }
:target { background: var(--soft); outline: 2px solid var(--line); }
"""

_METHODS = ("get", "post", "put", "patch", "delete")


def page(document: Json) -> bytes:
    """The whole page for an OpenAPI document of ours."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                groups.setdefault(_family(path), []).append(_operation(method, path, methods[method]))
    schemas: Json = document["components"]["schemas"]
    nav = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in (*groups, "types"))
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><h1>{title}</h1>',
        '<p>Made from <a href="/openapi.json">/openapi.json</a>. Required fields are marked with a star.</p>',
        f"<nav>{nav}</nav>",
    ]
    for name, operations in groups.items():
        parts += [f'<h2 id="{escape(name)}">{escape(name)}</h2>', *operations]
    parts += ['<h2 id="types">types</h2>', *(_schema(name, schema) for name, schema in schemas.items())]
    return "\n".join([*parts, "</body></html>\n"]).encode()


def _family(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "v1" and len(parts) > 1 else "server"


def _operation(method: str, path: str, operation: Json) -> str:
    rows = [
        _row(_code(p["name"], required=p.get("required", False)), p["in"], _type(p["schema"]), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    method_cell = f'<span class="method">{method.upper()}</span><code>{escape(path)}</code>'
    said = f"<span>{escape(operation['summary'])}</span>"
    parts = [f'<details id="{escape(operation["operationId"])}"><summary>{method_cell} {said}</summary>']
    if rows:
        parts.append(f"<table><tr><th>parameter<th>in<th>type<th></tr>{''.join(rows)}</table>")
    if "requestBody" in operation:
        parts.append(f"<p>Body: {_content(operation['requestBody'])}</p>")
    answers = (_row(escape(s), _content(r), escape(r["description"])) for s, r in operation["responses"].items())
    parts.append(f"<table><tr><th>answer<th>body<th></tr>{''.join(answers)}</table></details>")
    return "".join(parts)


def _content(holder: Json) -> str:
    contents: Json = holder.get("content", {})
    return ", ".join(f"{_type(c['schema'])} ({escape(media)})" for media, c in contents.items()) or "none"


def _schema(name: str, schema: Json) -> str:
    said = escape(schema.get("description", ""))
    head = f'<details id="type-{escape(name)}"><summary><code>{escape(name)}</code> <span>{said}</span></summary>'
    fields: Json = schema.get("properties", {})
    if not fields:
        return f"{head}<p>{_type({k: v for k, v in schema.items() if k != 'description'})}</p></details>"
    required = set(cast("list[str]", schema.get("required", [])))
    rows = (
        _row(_code(field, required=field in required), _type(kind), escape(kind.get("description", "")))
        for field, kind in fields.items()
    )
    return f"{head}<table><tr><th>field<th>type<th></tr>{''.join(rows)}</table></details>"


def _type(schema: Json) -> str:
    """A schema in a few words, with links to the types that it names."""
    return " or ".join(dict.fromkeys(_words(schema))) or "any JSON"


def _words(schema: Json) -> Iterator[str]:
    for key in ("anyOf", "oneOf"):
        for option in schema.get(key, []):
            yield from _words(option)
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        yield f'<a href="#type-{name}">{name}</a>'
    elif "enum" in schema:
        yield " / ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    elif "const" in schema:
        yield f"<code>{escape(str(schema['const']))}</code>"
    elif "type" in schema:
        yield from _plain(schema)


def _plain(schema: Json) -> Iterator[str]:
    kind: Any = schema["type"]
    if kind == "array":
        yield f"list of {_type(schema.get('items') or {})}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        yield f"object of {_type(schema['additionalProperties'])}"
    else:
        kinds = cast("list[str]", kind if isinstance(kind, list) else [kind])
        yield from (escape(str(one)) for one in kinds)


def _code(name: str, *, required: bool) -> str:
    return f"<code{' class=required' if required else ''}>{escape(name)}</code>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>"
