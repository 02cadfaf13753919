"""The executable surfaces of a workspace, found by names alone: what codewhale would run or obey once it is trusted, and
what other programs would. Never opens a file, never follows a link to find something.
"""

import os
import stat
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

Kind = Literal["hooks", "mcp", "skill", "agents", "commands", "foreign"]

OURS: dict[str, Kind] = {
    ".codewhale/hooks.toml": "hooks",
    ".deepseek/hooks.toml": "hooks",
    ".mcp.json": "mcp",
    ".codewhale/mcp.json": "mcp",
    ".deepseek/mcp.json": "mcp",
    ".codewhale/agents": "agents",
    ".deepseek/agents": "agents",
    ".codewhale/commands": "commands",
    ".deepseek/commands": "commands",
}
"""What codewhale itself reads of a workspace and would execute or obey. Its `config.toml` and `permissions.toml` are not among
them: they can only tighten, so they need no trust."""

SKILLS = (
    *(".agents/skills", "skills", ".codewhale/skills", ".deepseek/skills"),
    *(".opencode/skills", ".claude/skills", ".cursor/skills"),
)
"""Folders whose sub-folders are skills; one with more than texts in it is a surface."""

FOREIGN = (
    *(".envrc", ".env", ".git/config", ".git/hooks", ".gitmodules", ".gitattributes", ".vscode/tasks.json"),
    *(".vscode/settings.json", ".vscode/mcp.json", ".idea/workspace.xml", ".npmrc", ".yarnrc.yml", ".pnpmfile.cjs"),
    *("package.json", "conftest.py", "setup.py", "pyproject.toml", "tox.ini", "noxfile.py", ".pre-commit-config.yaml"),
    *("Makefile", "justfile", "Rakefile", "CMakeLists.txt", "build.rs", ".cargo/config.toml", "build.gradle"),
    *(".github/workflows", ".gitlab-ci.yml", ".devcontainer/devcontainer.json", "Dockerfile", "docker-compose.yml"),
    *(".claude/settings.json", ".cursor/mcp.json", ".gemini/settings.json", ".codex/config.toml", ".direnv"),
    *(".tool-versions", ".mise.toml", "Vagrantfile", ".husky", ".lefthook.yml", ".clangd", "sitecustomize.py"),
)
"""What other programs run. Listed so that a person sees it; codewhale runs none of it by itself, trusted or not."""

MOST_SKILLS = 200
INSTALLED = ".installed-from"
"""The file in a skill's folder that says where it was installed from."""
_TEXTS = (".md", ".txt", ".rst")


class Surface(Struct, frozen=True, kw_only=True, order=True):
    """A place in a workspace, relative to it, that holds what could be run. `size` in bytes, 0 for a folder."""

    path: str
    kind: Kind
    size: int = 0

    @property
    def ours(self) -> bool:
        """Whether codewhale would run or obey it once it is trusted."""
        return self.kind != "foreign"


def surfaces(workspace: str) -> tuple[Surface, ...]:
    """Everything executable in the workspace, by path."""
    return tuple(sorted([*own_surfaces(workspace), *_foreign(workspace)]))


def own_surfaces(workspace: str) -> tuple[Surface, ...]:
    """What codewhale itself would run or obey, by path."""
    found = [_surface(workspace, path, kind) for path, kind in OURS.items()]
    return tuple(sorted([*(one for one in found if one is not None), *_skills(workspace)]))


def _foreign(workspace: str) -> Iterator[Surface]:
    for path in FOREIGN:
        found = _surface(workspace, path, "foreign")
        if found is not None:
            yield found


def _surface(workspace: str, path: str, kind: Kind) -> Surface | None:
    try:
        found = os.lstat(os.path.join(workspace, path))
    except (OSError, ValueError):
        return None
    return Surface(path=path, kind=kind, size=found.st_size if stat.S_ISREG(found.st_mode) else 0)


def _skills(workspace: str) -> Iterator[Surface]:
    left = MOST_SKILLS
    for folder in SKILLS:
        for name in _names(os.path.join(workspace, folder)):
            left -= 1
            if left < 0:
                return
            if has_scripts(os.path.join(workspace, folder, name)):
                yield Surface(path=f"{folder}/{name}", kind="skill")


def has_scripts(folder: str, depth: int = 0) -> bool:
    """Whether a skill has anything in it that is no plain text. A link counts: what it leads to may be changed. The note of
    where it was installed from does not."""
    if os.path.islink(folder):
        return True
    for name in _names(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) or (os.path.isdir(path) and (depth > 4 or has_scripts(path, depth + 1))):
            return True
        if not os.path.isdir(path) and (not name.lower().endswith((*_TEXTS, INSTALLED)) or os.access(path, os.X_OK)):
            return True
    return False


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:1000] if not os.path.islink(folder) or os.path.isdir(folder) else []
    except OSError:
        return []
