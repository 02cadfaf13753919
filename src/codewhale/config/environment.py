"""The process environment. The only reader of os.environ in the whole tree; everybody else is given values."""

import os


def environment() -> dict[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)


def given(environ: dict[str, str], name: str) -> str | None:
    """The variable's value without surrounding blanks; None when it is unset or blank."""
    value = environ.get(name, "").strip()
    return value or None
