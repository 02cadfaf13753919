"""The layer that the environment is: variables read one by one, each with an error that names it."""

import os

from codewhale.config.environment import given, newer_name
from codewhale.config.layers import Layer
from codewhale.config.settings import POLICIES, Secret
from codewhale.domain.confinement import POLICY_WORDS, Policy
from codewhale.domain.errors import ConfigError


def environment_layer(env: dict[str, str]) -> Layer:
    """What the variables say. `ConfigError` names the one that cannot be used."""
    token = given(env, "DEEPSEEK_RUNTIME_TOKEN")
    key = given(env, "DEEPSEEK_API_KEY")
    policy = given(env, "DEEPSEEK_APPROVAL_POLICY")
    if policy is not None and policy not in POLICIES:
        raise _bad(env, "DEEPSEEK_APPROVAL_POLICY", policy, "one of on-request, auto, never")
    return Layer(
        provider=given(env, "DEEPSEEK_PROVIDER"),
        model=given(env, "DEEPSEEK_MODEL") or given(env, "DEEPSEEK_DEFAULT_TEXT_MODEL"),
        base_url=given(env, "DEEPSEEK_BASE_URL"),
        api_key=Secret(key) if key else None,
        http_headers=_headers(env),
        allow_shell=_flag(env, "DEEPSEEK_ALLOW_SHELL"),
        mode=_mode(env),
        approval_policy=POLICIES[policy] if policy else None,
        sandbox_mode=_sandbox_mode(env),
        open_timeout=_seconds(env, "DEEPSEEK_STREAM_OPEN_TIMEOUT_SECS", 1, 300),
        idle_timeout=_seconds(env, "DEEPSEEK_STREAM_IDLE_TIMEOUT_SECS", 1, 3600),
        requests_per_second=_number(env, "DEEPSEEK_RATE_LIMIT_RPS", 0.1, 1000),
        burst=_whole(_number(env, "DEEPSEEK_RATE_LIMIT_BURST", 1, 1000)),
        cors_origins=_list(env, "DEEPSEEK_CORS_ORIGINS"),
        runtime_token=Secret(token) if token else None,
        allow_insecure_http=_flag(env, "DEEPSEEK_ALLOW_INSECURE_HTTP"),
        proxy=_either(env, "HTTPS_PROXY", "ALL_PROXY"),
        no_proxy=tuple((_either(env, "NO_PROXY") or "").replace(",", " ").split()) or None,
        ca_file=given(env, "SSL_CERT_FILE"),
        workspace=given(env, "DEEPSEEK_WORKSPACE"),
        skills_dir=_path(given(env, "DEEPSEEK_SKILLS_DIR")),
        mcp_config=_path(given(env, "DEEPSEEK_MCP_CONFIG")),
        notes_path=_path(given(env, "DEEPSEEK_NOTES_PATH")),
        gh_bin=_path(given(env, "DEEPSEEK_GH_BIN")),
        memory=_flag(env, "DEEPSEEK_MEMORY"),
        memory_path=_path(given(env, "DEEPSEEK_MEMORY_PATH")),
        tool_audit_log=_path(given(env, "DEEPSEEK_TOOL_AUDIT_LOG")),
    )


def _either(env: dict[str, str], *names: str) -> str | None:
    """The first of these variables that is set; tools agree on reading the lower-case spelling too."""
    return next((v for name in names for v in (given(env, name.lower()), given(env, name)) if v), None)


def _bad(env: dict[str, str], name: str, value: str, expected: str) -> ConfigError:
    newer = newer_name(name)
    if newer is not None and given(env, newer) is not None:
        name = newer
    return ConfigError(f"{name} is {value!r}, which cannot be used", hint=f"set it to {expected}, or unset it")


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
MODES = ("agent", "plan", "yolo")


def _flag(env: dict[str, str], name: str) -> bool | None:
    value = given(env, name)
    if value is None:
        return None
    if value.lower() not in _WORDS:
        raise _bad(env, name, value, "true or false")
    return _WORDS[value.lower()]


def _mode(env: dict[str, str]) -> str | None:
    value = given(env, "DEEPSEEK_MODE") or ("yolo" if _flag(env, "DEEPSEEK_YOLO") else None)
    if value is not None and value not in MODES:
        raise _bad(env, "DEEPSEEK_MODE", value, "one of agent, plan, yolo")
    return value


def _sandbox_mode(env: dict[str, str]) -> Policy | None:
    value = given(env, "DEEPSEEK_SANDBOX_MODE")
    for word in POLICY_WORDS:
        if word == value:
            return word
    if value is not None:
        raise _bad(env, "DEEPSEEK_SANDBOX_MODE", value, f"one of {', '.join(POLICY_WORDS)}")
    return None


def _seconds(env: dict[str, str], name: str, low: float, high: float) -> float | None:
    return _number(env, name, low, high, "a number of seconds")


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _number(env: dict[str, str], name: str, low: float, high: float, what: str = "a number") -> float | None:
    value = given(env, name)
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not low <= number <= high:
        raise _bad(env, name, value, f"{what} from {low:g} to {high:g}")
    return number


def _list(env: dict[str, str], name: str) -> tuple[str, ...] | None:
    value = given(env, name)
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else None


def _headers(env: dict[str, str]) -> dict[str, str] | None:
    """`Name=value` pairs with commas between them. A value is never shown: it may be a key."""
    said = _list(env, "DEEPSEEK_HTTP_HEADERS")
    if said is None:
        return None
    pairs = [one.partition("=") for one in said]
    if any(not equals or not name.strip() for name, equals, _ in pairs):
        raise ConfigError(
            "DEEPSEEK_HTTP_HEADERS cannot be used",
            hint="write Name=value, with commas between several, or unset it",
        )
    return {name.strip(): value.strip() for name, _, value in pairs}


def _path(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None
