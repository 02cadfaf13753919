"""Write the JSON that a start reads in place of modules and TOML, or with --check say which file is out of date.

Sources: the tools' modules, `llm/profiles/*.toml`, `llm/prices/*.toml`. The JSON is checked in and never edited.
"""

import argparse
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec

from codewhale.llm.prices import parse_prices
from codewhale.llm.profiles import Profile
from codewhale.tools.registry import ENTRIES, find
from codewhale.tools.schema import spec

PACKAGE = Path(__file__).resolve().parents[1] / "src/codewhale"


def main() -> int:
    """Exit code 0 when the files are written, or up to date with --check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    checking: bool = parser.parse_args().check
    old = [name for name, made in TABLES.items() if _differs(PACKAGE / name, made())]
    if checking and old:
        print("\n".join(f"src/codewhale/{name} is out of date; run ./run reference" for name in old))
        return 1
    for name in old:
        (PACKAGE / name).write_bytes(TABLES[name]())
    print(f"tables: {len(TABLES)} files, {len(old)} {'changed' if old else 'to change'}")
    return 0


def specs() -> bytes:
    """What the model is shown of each tool, in the order of the registry."""
    tools = [tool for tool in (find(name) for name in ENTRIES) if tool is not None]
    return _json([spec(tool) for tool in tools])


def profiles() -> bytes:
    """Every provider's profile without what is as by default."""
    found = _toml("llm/profiles")
    return _json({name: msgspec.convert(tomllib.loads(text), Profile) for name, text in found.items()})


def prices() -> bytes:
    """Every provider's prices."""
    found = _toml("llm/prices")
    return _json({name: parse_prices(text, name) for name, text in found.items()})


TABLES: dict[str, Callable[[], bytes]] = {
    "tools/specs.json": specs,
    "llm/profiles/profiles.json": profiles,
    "llm/prices/prices.json": prices,
}


def _toml(folder: str) -> dict[str, str]:
    files = sorted((PACKAGE / folder).glob("*.toml"))
    return {file.name.removesuffix(".toml"): file.read_text("utf-8") for file in files}


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _differs(path: Path, text: bytes) -> bool:
    return not path.exists() or path.read_bytes() != text


if __name__ == "__main__":
    sys.exit(main())
