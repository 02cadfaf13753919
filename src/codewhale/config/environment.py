"""The process environment. The only reader of os.environ in the whole tree; everybody else is given values."""

import os

_VENDORS = frozenset({"DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL"})
"""Names of the provider deepseek, not of this program: they have no other spelling."""


def environment() -> dict[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)


def given(environ: dict[str, str], name: str) -> str | None:
    """The variable's value without surrounding blanks; None when it is unset or blank. `CODEWHALE_X` is the newer spelling
    of `DEEPSEEK_X` and comes first."""
    newer = newer_name(name)
    value = environ.get(newer, "").strip() if newer is not None else ""
    return value or environ.get(name, "").strip() or None


def newer_name(name: str) -> str | None:
    """The other spelling of a variable of ours; None where there is none."""
    if not name.startswith("DEEPSEEK_") or name in _VENDORS:
        return None
    return "CODEWHALE_" + name.removeprefix("DEEPSEEK_")


def home_of(environ: dict[str, str]) -> str:
    """The folder of all that codewhale keeps, absolute. It need not exist."""
    return os.path.abspath(os.path.expanduser(given(environ, "DEEPSEEK_HOME") or "~/.deepseek"))
