"""Puts a skill from a local folder or archive among the person's, or takes one away that was put there so.

A skill is there whole or not at all. A folder that the person made by hand is never replaced or removed. What was installed
is not trusted by that: its programs are, by digest, in a step of its own.
"""

import hashlib
import os
import re
import shutil
import tempfile

from msgspec import Struct

from codewhale.context.front_matter import front_matter, heading
from codewhale.context.skills import FILE, NAME_LIMIT
from codewhale.domain.errors import ConfigError, Conflict, InvalidInput
from codewhale.domain.ports import Clock
from codewhale.workspace.package import unpack
from codewhale.workspace.trust.surfaces import INSTALLED, has_scripts

_FOLDER = re.compile(r"[^a-z0-9._-]+")


class Installed(Struct, frozen=True, kw_only=True):
    """What was put where, and whether it brings programs."""

    name: str
    folder: str
    scripts: bool


def install(source: str, places: str, clock: Clock, *, replace: bool) -> Installed:
    """Install the skill at `source` beneath `places`. `InvalidInput` when it is none, `Conflict` when the place is taken."""
    if "://" in source or source.startswith("github:"):
        raise InvalidInput("skills are installed from a local folder or archive only", hint="download it first")
    if not os.path.exists(source):
        raise InvalidInput(f"there is nothing at {source}")
    try:
        os.makedirs(places, mode=0o700, exist_ok=True)
        staging = tempfile.mkdtemp(prefix=".installing-", dir=places)
    except OSError as error:
        raise ConfigError(f"cannot write to {places}: {error.strerror}") from error
    try:
        unpack(os.path.abspath(source), staging)
        top = _top(staging, source)
        name = _name(top, source)
        folder = os.path.join(places, _FOLDER.sub("-", name.lower()).strip("-.") or "skill")
        _mark(top, source, clock)
        _move(top, folder, replace=replace)
        return Installed(name=name, folder=folder, scripts=has_scripts(folder))
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove(folder: str, name: str) -> None:
    """Remove an installed skill; `Conflict` when it was not installed."""
    if not os.path.lexists(os.path.join(folder, INSTALLED)):
        raise Conflict(f"{name} was not installed by codewhale: {folder} stays; remove it by hand, or switch it off")
    aside = tempfile.mkdtemp(prefix=".removed-", dir=os.path.dirname(folder))
    os.rename(folder, os.path.join(aside, "skill"))
    shutil.rmtree(aside, ignore_errors=True)


def _top(staging: str, source: str) -> str:
    """The folder with the skill's file: the package's own, or the only one in it."""
    names = os.listdir(staging)
    top = os.path.join(staging, names[0]) if len(names) == 1 and FILE not in names else staging
    if not os.path.isfile(os.path.join(top, FILE)):
        raise InvalidInput(f"{source} is no skill: it has no {FILE}")
    return top


def _name(top: str, source: str) -> str:
    try:
        with open(os.path.join(top, FILE), encoding="utf-8") as file:
            fields, body = front_matter(file.read())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the {FILE} of {source} is not UTF-8 text") from error
    name = fields.get("name") or heading(body)
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidInput(f"the {FILE} of {source} has no name that can be used")
    return name


def _mark(top: str, source: str, clock: Clock) -> None:
    digest = ""
    if os.path.isfile(source):
        with open(source, "rb") as file:
            digest = f"sha256 = {hashlib.file_digest(file, 'sha256').hexdigest()}\n"
    path = os.path.join(top, INSTALLED)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"source = {os.path.abspath(source)}\n{digest}installed = {clock.now()}\n")


def _move(top: str, folder: str, *, replace: bool) -> None:
    if os.path.lexists(folder):
        if not os.path.lexists(os.path.join(folder, INSTALLED)):
            raise Conflict(f"{folder} is there already and was not installed by codewhale; it stays as it is")
        if not replace:
            raise Conflict(f"{folder} is there already; --replace puts this one in its place")
        aside = tempfile.mkdtemp(prefix=".replaced-", dir=os.path.dirname(folder))
        os.rename(folder, os.path.join(aside, "skill"))
        os.rename(top, folder)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.rename(top, folder)
