"""Files that `codewhale policy` is given: rules to try, and expectations to check against the gate as it is now."""

import os
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from codewhale.config.permissions import parse_rules
from codewhale.config.settings import Settings
from codewhale.domain.errors import InvalidInput
from codewhale.domain.rules import Rule
from codewhale.runtime.judging import Posture, explain, posture_of, standing_of
from codewhale.surfaces.cli.policy_text import shown

LARGEST = 1024 * 1024
Text = Annotated[str, Meta(min_length=1)]


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[expect]]`: a command, or a tool with its arguments, and the verdict that the gate must give; `rule` is a part of
    the rule's name. `mode`, `auto_approve` and `allow_shell` say for which threads; the settings where they do not."""

    verdict: Literal["allow", "ask", "deny"]
    command: Text | None = None
    tool: Text | None = None
    arguments: dict[str, object] = {}
    rule: Text | None = None
    mode: Literal["agent", "plan", "yolo"] | None = None
    auto_approve: bool | None = None
    allow_shell: bool | None = None


class Expectations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of them."""

    expect: tuple[Expectation, ...]


def check_expectations(path: str, settings: Settings) -> tuple[list[str], int]:
    """A line per expectation that is not met and one with the count; how many are not met. `InvalidInput` when the file
    cannot be read or says what makes no sense."""
    try:
        expected = msgspec.convert(tomllib.loads(_text(path)), Expectations).expect
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"{path}: {error}", hint="docs/policy.md shows how expectations are written") from None
    standing = standing_of(settings)
    lines: list[str] = []
    for number, one in enumerate(expected, 1):
        if (one.command is None) == (one.tool is None):
            raise InvalidInput(f"{path}: expectation {number} needs either a command or a tool")
        tool = one.tool or "exec_shell"
        arguments: dict[str, object] = {"command": one.command} if one.command is not None else one.arguments
        decision = explain(settings, tool, arguments, posture=_posture(one, settings), standing=standing).decision
        if decision.verdict != one.verdict or (one.rule is not None and one.rule not in decision.rule):
            wanted = one.verdict + (f" by {one.rule}" if one.rule else "")
            lines.append(f"FAIL {number}: {shown(one.command or tool)}")
            lines.append(
                f"     expected {wanted}, got {decision.verdict} by {shown(decision.rule)}: {shown(decision.reason)}"
            )
    wrong = sum(line.startswith("FAIL") for line in lines)
    return [*lines, f"{len(expected) - wrong} of {len(expected)} expectations are met"], wrong


def _posture(one: Expectation, settings: Settings) -> Posture:
    given = {name: getattr(one, name) for name in ("mode", "auto_approve", "allow_shell")}
    known = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(posture_of(settings), **known)


def rules_of_file(path: str) -> list[Rule]:
    """The rules in a file like `permissions.toml`; `InvalidInput` says what is wrong with it."""
    try:
        rules = parse_rules(_text(path), home=os.path.expanduser("~"))
    except ValueError as error:
        raise InvalidInput(f"{path}: {error}") from None
    if not rules:
        raise InvalidInput(f"{path} has no [[rules]]")
    return list(rules)


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise InvalidInput(f"{path} is larger than {LARGEST:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8") from None
