"""Repository law: files of a workspace that decide what runs or what agents are told later, wherever in it they lie.

A change of one needs a question of its own, and none where questions are answered without a person. Pure; both the name
under which a file is touched and the place to which it leads count.
"""

from codewhale.domain.decisions import Target

_FOLDERS: dict[str, str] = {
    ".git": "git's own files: hooks and settings in there are run",
    **dict.fromkeys(
        (
            ".agent",
            ".agents",
            ".codewhale",
            ".deepseek",
            ".claude",
            ".codex",
            ".cursor",
            ".gemini",
            ".zed",
            ".opencode",
        ),
        "settings of coding agents",
    ),
    **dict.fromkeys(
        (".vscode", ".idea", ".devcontainer", ".husky"), "settings from which editors and hooks run programs"
    ),
    ".ssh": "keys and settings of ssh",
}
_NAMES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("agents.md", "agents.override.md", "claude.md", "claude.local.md", "gemini.md", "codewhale.md"),
            *(".cursorrules", ".windsurfrules", ".clinerules", "copilot-instructions.md"),
        ),
        "instructions that every agent here is given",
    ),
    **dict.fromkeys((".mcp.json", ".envrc", ".git", ".gitconfig"), "a file that decides what programs run"),
    **dict.fromkeys(
        (
            *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc"),
            *(".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc"),
        ),
        "a file that a shell runs when it starts",
    ),
}


def protected(target: Target, workspace: str) -> str | None:
    """What the file is when it is written and protected; None otherwise."""
    if not target.write:
        return None
    for path in dict.fromkeys((target.real, target.path)):
        found = _kind(path, workspace)
        if found is not None:
            return found
    return None


def _kind(path: str, workspace: str) -> str | None:
    root = workspace.rstrip("/") + "/"
    # outside of the workspace every folder counts, inside of it only those below its root: it may lie in such a folder
    below = path.removeprefix(root)
    *folders, name = [part.lower() for part in below.split("/") if part] or [""]
    for folder in folders:
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    return _NAMES.get(name) or _FOLDERS.get(name)
