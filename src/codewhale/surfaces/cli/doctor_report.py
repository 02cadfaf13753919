"""What `codewhale doctor` found, as the published JSON object. Looks at files; never at the network, never at a secret."""

import os
import sys
from collections.abc import Callable
from typing import cast

import msgspec

from codewhale import __version__
from codewhale.config.credentials import backend_of
from codewhale.config.dotenv import all_variables
from codewhale.config.route_facts import capability, shown_endpoint
from codewhale.config.search import search_problem
from codewhale.config.settings import Settings
from codewhale.runtime.sandbox import proved
from codewhale.runtime.vouching import untrusted_of

Json = dict[str, object]
MAX_MCP = 4 * 1024 * 1024


def report(settings: Settings) -> Json:
    """The object of `doctor --json` (runtime-contract §6.1): the same keys whatever is or is not there."""
    home = settings.home
    return {
        "version": __version__,
        "config_path": settings.config_path,
        "config_present": settings.config_present,
        "workspace": settings.workspace,
        "api_key": {"source": settings.route.api_key_source},
        "secret_backend": backend_of(all_variables()),
        "base_url": shown_endpoint(settings),
        "default_text_model": settings.route.model,
        "strict_tool_mode": {
            "enabled": False,
            "status": "disabled",
            "function_strict_sent": False,
            "message": "strict tool schemas are not sent",
            "recommended_base_url": None,
        },
        "memory": _memory(os.path.join(home, "memory.md")),
        "mcp": _mcp(os.path.join(home, "mcp.json")),
        "skills": _skills(settings),
        "tools": _counted(os.path.join(home, "tools")),
        "plugins": _counted(os.path.join(home, "plugins")),
        "storage": {
            "spillover": _counted(os.path.join(settings.runtime_dir, "blobs")),
            "stash": _stash(os.path.join(home, "composer_stash.jsonl")),
        },
        "sandbox": _sandbox(),
        "platform": {"os": _os(), "arch": os.uname().machine if hasattr(os, "uname") else "unknown"},
        "trust": {"untrusted": untrusted_of(settings, settings.workspace)},
        "web": {
            "network_default": settings.network.default,
            "search_provider": settings.search.provider,
            "search_ready": search_problem(settings.search) is None,
        },
        "api_connectivity": {
            "checked": False,
            "note": "doctor works offline; a run tells whether the provider answers",
        },
        "capability": msgspec.to_builtins(capability(settings)),
    }


def _sandbox() -> Json:
    found = proved()
    return {
        "available": found.tier != "none",
        "kind": None if found.tier == "none" else found.tier,
        "full": found.tier in ("bubblewrap", "seatbelt"),
        "binary": found.binary,
        "held_against": sorted(name for name, worked in found.cells.items() if worked is False),
        "missing": [f"{tier}: {reason}" for tier, reason in found.missing.items()],
    }


def _os() -> str:
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)


def _memory(path: str) -> Json:
    return {"enabled": False, "path": path, "file_present": os.path.isfile(path)}


def _skills(settings: Settings) -> Json:
    workspace, home = settings.workspace, settings.home
    places: dict[str, str] = {
        "global": os.path.join(home, "skills"),
        "agents": os.path.join(workspace, ".agents", "skills"),
        "agents_global": os.path.expanduser("~/.agents/skills"),
        "local": os.path.join(workspace, "skills"),
        "opencode": os.path.join(workspace, ".opencode", "skills"),
        "claude": os.path.join(workspace, ".claude", "skills"),
    }
    order = ("agents", "local", "agents_global")
    selected = next((places[name] for name in order if os.path.isdir(places[name])), places["global"])
    return {"selected": selected, **{name: _counted(path, _is_skill) for name, path in places.items()}}


def _is_skill(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "SKILL.md"))


def _visible(path: str) -> bool:
    return not os.path.basename(path).startswith(".")


def _counted(path: str, counts: Callable[[str], bool] = _visible) -> Json:
    try:
        names = os.listdir(path)
    except OSError:
        return {"path": path, "present": os.path.isdir(path), "count": 0}
    return {"path": path, "present": True, "count": sum(counts(os.path.join(path, name)) for name in names)}


def _stash(path: str) -> Json:
    try:
        with open(path, "rb") as f:
            return {"path": path, "present": True, "count": sum(1 for line in f if line.strip())}
    except OSError:
        return {"path": path, "present": os.path.exists(path), "count": 0}


def _mcp(path: str) -> Json:
    found: Json = {"config_path": path, "present": os.path.isfile(path), "servers": []}
    if not found["present"]:
        return found
    try:
        with open(path, "rb") as f:
            config = msgspec.json.decode(f.read(MAX_MCP), type=dict[str, object])
        servers = config.get("servers", config.get("mcpServers", {}))
        if not isinstance(servers, dict):
            raise msgspec.ValidationError("servers is not an object")
    except (OSError, msgspec.MsgspecError) as error:
        return {**found, "error": f"cannot be read ({type(error).__name__}); details are left out, it may hold secrets"}
    rows = [_server(name, given) for name, given in sorted(cast("dict[str, object]", servers).items())]
    return {**found, "servers": rows}


def _server(name: str, given: object) -> Json:
    fields = cast("Json", given) if isinstance(given, dict) else {}
    enabled = fields.get("enabled", True) is True and fields.get("disabled", False) is not True
    if not (fields.get("command") or fields.get("url")):
        return {"name": name, "enabled": enabled, "status": "error", "detail": "neither command nor url"}
    return {"name": name, "enabled": enabled, "status": "warning", "detail": "MCP servers are not used by this version"}
