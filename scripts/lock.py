"""Resolve requirements/*.txt from pyproject.toml, or with --check say where they disagree (offline).

runtime.txt is what `./run demo` installs, dev.txt what `./run test` does: every distribution pinned with its hashes, for
every supported Python and platform at once, and no registry named, so that they install from whichever one pip or uv is
configured for.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
GROUPS = {"runtime": "build", "dev": "dev"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")
HEADER = "# Made by `./run lock` from pyproject.toml; do not edit.\n"


def main() -> int:
    """Exit code 0 when the files are written, or when they agree with pyproject.toml."""
    if sys.argv[1:] == ["--check"]:
        wrong = disagreements()
        print("\n".join(wrong) or "requirements/*.txt agree with pyproject.toml")
        return 1 if wrong else 0
    for name in GROUPS:
        resolve(name, upgrade="--upgrade" in sys.argv)
    return 0


def resolve(name: str, *, upgrade: bool) -> None:
    """Write requirements/NAME.txt; versions move only with `upgrade` or where pyproject.toml asks for it."""
    path = ROOT / f"requirements/{name}.txt"
    flags = "--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links"
    command = ["uv", "pip", "compile", *flags.split(), "--no-header", "--no-annotate", "--group", GROUPS[name]]
    command += ["--upgrade"] if upgrade else []
    subprocess.run([*command, "pyproject.toml", "--output-file", str(path)], cwd=ROOT, check=True)
    path.write_text(HEADER + path.read_text("utf-8").removeprefix(HEADER), "utf-8")


def disagreements() -> list[str]:
    """Everything that would make an installation differ from what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    pins = {name: _pins(name) for name in GROUPS}
    wrong = [
        f"requirements/{name}.txt: {said}"
        for name, group in GROUPS.items()
        for wanted in [*project["project"]["dependencies"], *_group(project["dependency-groups"], group)]
        if (said := _unmet(Requirement(wanted), pins[name]))
    ]
    wrong += [
        f"{package}: {version} in runtime.txt, {pins['dev'].get(package)} in dev.txt"
        for package, version in pins["runtime"].items()
        if pins["dev"].get(package) != version
    ]
    for name in GROUPS:
        text = (ROOT / f"requirements/{name}.txt").read_text("utf-8")
        if "://" in text or "-url" in text:
            wrong.append(f"requirements/{name}.txt names a registry")
        wrong += [
            f"requirements/{name}.txt: {block.split()[0]} has no hash"
            for block in re.split(r"\n(?=\S)", text)
            if not block.startswith("#") and "--hash=sha256:" not in block
        ]
    return [f"{line}; run ./run lock" for line in wrong]


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / f"requirements/{name}.txt").read_text("utf-8").splitlines()
    found = (PIN.match(line) for line in lines)
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def _group(groups: dict[str, list[str | dict[str, str]]], name: str) -> list[str]:
    listed: list[str] = []
    for entry in groups[name]:
        listed += [entry] if isinstance(entry, str) else _group(groups, entry["include-group"])
    return listed


def _unmet(wanted: Requirement, pins: dict[str, str]) -> str | None:
    version = pins.get(canonicalize_name(wanted.name))
    if version is None:
        return f"{wanted.name} is missing"
    if not wanted.specifier.contains(version, prereleases=True):
        return f"{wanted.name} is {version}, pyproject.toml wants {wanted.specifier}"
    return None


if __name__ == "__main__":
    sys.exit(main())
