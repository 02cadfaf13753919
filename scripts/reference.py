"""Write docs/reference/*.md from the tables that the program itself uses, or with --check say which page is out of date.

Nothing here is written by hand twice: names, types, defaults and descriptions are those of the code.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from codewhale.config.catalogue import KEYS, OTHERS, VARIABLES, provider_variables, types_of, variables_of
from codewhale.config.explain import NOWHERE, Explainer
from codewhale.config.managed import RequirementKeys
from codewhale.config.sources import Overrides
from codewhale.config.values import type_words, written
from codewhale.domain.events import INTERNAL, PAYLOADS
from codewhale.surfaces.cli.commands import COMMANDS, GLOBAL_OPTIONS
from codewhale.surfaces.cli.parser import command_parser
from codewhale.surfaces.http.openapi import answers_of
from codewhale.surfaces.http.routes import ENDPOINTS
from codewhale.tools.registry import ENTRIES, barred, find, offered

PLAIN = Explainer(Overrides(), {"CODEWHALE_HOME": NOWHERE}, NOWHERE)
ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs/reference"
NOTE = "<!-- Made by `./run reference` from the code; do not edit. -->\n"

Row = Iterable[str]


def main() -> int:
    """Exit code 0 when the pages are written, or up to date with --check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    checking: bool = parser.parse_args().check
    old = [name for name, page in PAGE.items() if not _same(PAGES / f"{name}.md", NOTE + page(), write=not checking)]
    if checking and old:
        print("\n".join(f"docs/reference/{name}.md is out of date; run ./run reference" for name in old))
        return 1
    print(f"docs/reference/: {len(PAGE)} pages, {len(old)} {'changed' if old else 'to change'}")
    return 0


def _same(path: Path, text: str, *, write: bool) -> bool:
    if path.exists() and path.read_text("utf-8") == text:
        return True
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return False


def events() -> str:
    """Every event of the log: its name, what it means, its payload."""
    rows = [
        (
            f"`{name}`",
            _sentence(payload) + (" *Not in the published stream.*" if name in INTERNAL else ""),
            _fields(payload),
        )
        for name, payload in PAYLOADS.items()
    ]
    return (
        "# Events\n\nAll that happens to a thread, in the order in which it may happen. Around each payload stands the same "
        "envelope:\n`seq` (global, strictly increasing), `timestamp`, `thread_id`, `turn_id`, `item_id`, `event`. "
        "A field with `?` may be absent.\n\n" + _table(("event", "meaning", "payload"), rows)
    )


def tools() -> str:
    """Every tool that the model is offered."""
    sections: list[str] = []
    for tool in offered("yolo", allow_shell=True):
        shown, rules = tool.parameters, find(tool.name)
        assert rules is not None
        properties, required = shown["properties"], shown.get("required", ())
        assert isinstance(properties, dict)
        rows = [
            (f"`{name}`{'' if name in required else '?'}", _kind(value), value.get("description", ""))
            for name, value in properties.items()
        ]
        facts = (
            f"Effects: {', '.join(sorted(rules.effects)) or 'none'}. Where no rule says otherwise: **{rules.default}**. "
            f"{_place(tool.name)}"
        )
        table = _table(("argument", "type", "meaning"), rows) if rows else "No arguments.\n"
        sections.append(f"## `{tool.name}`\n\n{tool.description.strip()}\n\n{facts}\n\n{table}")
    return "# Tools\n\nWhat the model can do. An argument with `?` may be left out.\n\n" + "\n".join(sections)


def _place(name: str) -> str:
    """Whether the first request carries the tool, in which mode it is missing, and what it needs."""
    entry = ENTRIES[name]
    facts = ["In the first request." if entry.essential else "Found with `tool_search`."]
    if barred(name, "plan", allow_shell=True) is not None:
        facts.append("Not in plan mode.")
    if entry.needs:
        facts.append(f"Needs {' or '.join(f'`{program}`' for program in entry.needs)}.")
    return " ".join(facts)


def settings() -> str:
    """Every key of the settings file and every environment variable."""
    names = [_key_row(name, kind) for name, kind in types_of()]
    own = [(f"`{name}`", f"`{key}`" if key else "", means) for name, (key, means) in VARIABLES.items()]
    shared = [(f"`{name}`", f"`{key}`" if key else "", means) for name, (key, means) in OTHERS.items()]
    providers = [(f"`{name}`", f"`{key}`", title) for name, (key, title) in sorted(provider_variables().items())]
    required = [(f"`{name}`", type_words(kind)) for name, kind in types_of(RequirementKeys)]
    return (
        "# Settings\n\nHow they work together: [configuration](../configuration.md). `codewhale config explain KEY` tells "
        "which of them holds here, and why.\n\n## Settings file\n\n"
        "`~/.deepseek/config.toml`; each key may also stand in `[profiles.NAME]`. `<id>` is a name that you choose.\n\n"
        + _table(("key", "type", "default", "variable", "meaning"), names)
        + "\n## Requirements file\n\n`/etc/deepseek/requirements.toml`: what the settings of everybody on a machine may say."
        "\n\n" + _table(("key", "type"), required) + "\n## Environment\n\n"
        "Each may also be written with `CODEWHALE_` in place of `DEEPSEEK_`, which then comes first, except "
        "`DEEPSEEK_API_KEY` and `DEEPSEEK_BASE_URL`, which are the provider's.\n\n"
        + _table(("variable", "sets", "meaning"), own)
        + "\nShared with other programs:\n\n"
        + _table(("variable", "sets", "meaning"), shared)
        + "\nOf providers:\n\n"
        + _table(("variable", "sets", "provider"), providers)
    )


def _key_row(name: str, kind: Any) -> tuple[str, ...]:
    variables = [one for one in variables_of(name, name.split(".")) if not one.startswith("CODEWHALE_")]
    shown = ", ".join(f"`{one}`" for one in variables) if "<id>" not in name else ""
    return f"`{name}`", type_words(kind), _default(name), shown, KEYS[name].means


def _default(name: str) -> str:
    """What holds when nobody says; words where that is not a value."""
    key = KEYS[name]
    value = None if "<id>" in name else PLAIN.explain(name.split(".")).value
    if key.unset or value in (None, [], {}):
        return key.unset
    return f"`{written(value)}`".replace(NOWHERE, "~/.deepseek")


def routes() -> str:
    """Every HTTP route."""
    rows = [
        (
            f"`{e.method} {e.path}`",
            e.doc,
            f"{e.status} {'event stream' if e.stream else ' or '.join(type_words(kind) for kind in answers_of(e))}".strip(),
            {"public": "no", "token": "yes", "query_token": "yes, also `?token=`"}[e.access],
        )
        for e in ENDPOINTS
    ]
    return (
        "# HTTP routes\n\nServed by `codewhale serve --http`. The running server describes itself in full, types included, "
        "as OpenAPI 3.1\n(`GET /openapi.json`).\n\n" + _table(("route", "what it does", "answer", "token"), rows)
    )


def commands() -> str:
    """Every command and its options."""
    options = _table(
        ("option", "meaning"), ((f"`{', '.join(names)} {word}`", text) for names, word, text in GLOBAL_OPTIONS)
    )
    shared = {name for names, _, _ in GLOBAL_OPTIONS for name in names}
    parts = [_command(name, COMMANDS[name][1], command_parser(name)[0], shared) for name in COMMANDS]
    return "# Commands\n\n" + "\n".join(parts) + "\n## Options of every command\n\n" + options


def _command(name: str, meaning: str, parser: argparse.ArgumentParser, shared: set[str]) -> str:
    rows = [row for action in parser._actions for row in _action(action, shared, "")]  # noqa: SLF001 (no public list)
    table = _table(("argument", "meaning"), rows) if rows else ""
    return f"## `codewhale {name}`\n\n{meaning[0].upper()}{meaning[1:]}.\n\n{table}"


def _action(action: argparse.Action, shared: set[str], prefix: str) -> list[tuple[str, str]]:
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        found: list[tuple[str, str]] = []
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
        for name, parser in action.choices.items():
            found.append((f"`{prefix}{name}`", helps.get(name, "")))
            for inner in parser._actions:  # noqa: SLF001
                found += _action(inner, shared, f"{prefix}{name} ")
        return found
    names = action.option_strings
    if action.help == argparse.SUPPRESS or set(names) & (shared | {"-h", "--help"}):
        return []
    word = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    shown = f"{', '.join(names)} {word if isinstance(word, str) else ' '.join(word)}".strip()
    return [(f"`{prefix}{shown}`", action.help or "")]


PAGE: dict[str, Callable[[], str]] = {
    "events": events,
    "tools": tools,
    "settings": settings,
    "routes": routes,
    "commands": commands,
}


def _fields(struct: type[msgspec.Struct]) -> str:
    hidden = struct.__struct_config__.omit_defaults
    shown = [
        f"`{f.encode_name}{'?' if hidden and not f.required else ''}`: {type_words(f.type)}"
        for f in msgspec.structs.fields(struct)
    ]
    return "<br>".join(shown)


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " / ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _sentence(struct: type) -> str:
    return " ".join((struct.__doc__ or "").split())


def _table(head: Row, rows: Iterable[Row]) -> str:
    def line(cells: Row) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"

    titles = list(head)
    return line(titles) + line(["---"] * len(titles)) + "".join(line(row) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
