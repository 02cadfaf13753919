"""The skills of a workspace and of the person, with what the person decided of them: which are switched off, and which of
their scripts are trusted. Reads files and runs nothing.
"""

import os
from typing import Literal

from msgspec import Struct

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.config.skills_state import disabled_skills, set_skill_enabled
from codewhale.context.skill_list import skill_list
from codewhale.context.skills import FoundSkill, FoundSkills, companions, find_skills, skill_text
from codewhale.domain.errors import NotFound
from codewhale.domain.introspection import Skill, SkillList
from codewhale.domain.ports import SystemClock
from codewhale.runtime.surroundings import Surroundings
from codewhale.workspace.trust.book import Trust
from codewhale.workspace.trust.seal import Sealed, sealed
from codewhale.workspace.trust.surfaces import INSTALLED, Surface, has_scripts

_SHOWN = 80

Scripts = Literal["none", "trusted", "untrusted"]


class Seal(Struct, frozen=True, kw_only=True):
    """A skill's scripts as they are now: the digest that stands for them (None: they cannot be trusted, `problem` says why)."""

    digest: str | None
    problem: str | None
    trusted: bool


def skills_for(around: Surroundings, workspace: str) -> FoundSkills:
    """All skills there are for work in the workspace."""
    return find_skills(workspace, around.skill_places)


def enabled_skills(around: Surroundings, workspace: str) -> list[FoundSkill]:
    """Those that are not switched off. `ConfigError` when the file that says so cannot be understood."""
    off = disabled_skills(around.skills_state)
    return [skill for skill in skills_for(around, workspace).skills if skill.name not in off]


def offered(around: Surroundings, workspace: str) -> str:
    """What a thread's header says of the skills. `ConfigError`."""
    return skill_list(enabled_skills(around, workspace))


def listed(around: Surroundings, workspace: str) -> SkillList:
    """All skills and how they stand."""
    found = skills_for(around, workspace)
    off = disabled_skills(around.skills_state)
    return SkillList(
        directory=found.directory,
        warnings=found.warnings,
        skills=tuple(
            Skill(
                name=skill.name,
                description=skill.description,
                path=skill.path,
                enabled=skill.name not in off,
                scripts=None if (state := scripts_of(around, workspace, skill)) == "none" else state,
            )
            for skill in found.skills
        ),
    )


def switch(around: Surroundings, workspace: str, name: str, *, enabled: bool) -> None:
    """Switch a skill on or off for good. `NotFound`, `ConfigError`."""
    named(around, workspace, name)
    set_skill_enabled(around.skills_state, name, enabled=enabled)


def named(around: Surroundings, workspace: str, name: str) -> FoundSkill:
    """The skill of this name; `NotFound`."""
    found = skills_for(around, workspace)
    skill = found.named(name)
    if skill is None:
        raise NotFound(
            f"skill '{name[:_SHOWN]}' not found under {found.directory}", hint="`codewhale skills list` names them"
        )
    return skill


def shown(skill: FoundSkill) -> str:
    """What the skill says, and its other files, for people."""
    others = "".join(f"\n- {name}" for name in companions(skill))
    return skill_text(skill) + (f"\n\nIts other files:{others}" if others else "")


def scripts_of(around: Surroundings, workspace: str, skill: FoundSkill) -> Scripts:
    """Whether the skill brings programs, and whether the person trusts exactly these. What the person put into their own
    folders by hand is theirs; what was installed there is as strange as what a workspace brings."""
    if not has_scripts(skill.folder):
        return "none"
    if skill.anchor != os.path.realpath(workspace) and not os.path.lexists(os.path.join(skill.folder, INSTALLED)):
        return "trusted"
    return "trusted" if seal(around, workspace, skill).trusted else "untrusted"


def seal(around: Surroundings, workspace: str, skill: FoundSkill) -> Seal:
    """The skill's scripts as they are, and whether they are trusted so."""
    root, surface = _surface(workspace, skill)
    now = _sealed(root, surface)
    trust = Trust(_settings(around).trust_file, SystemClock(), environment())
    return Seal(digest=now.digest, problem=now.problem, trusted=trust.trusted(root, surface))


def trust(around: Surroundings, workspace: str, skill: FoundSkill, digest: str) -> bool:
    """Trust the skill's scripts if they still have this digest; whether they had."""
    root, surface = _surface(workspace, skill)
    now = _sealed(root, surface)
    if now.digest is None or now.digest != digest:
        return False
    Trust(_settings(around).trust_file, SystemClock(), environment()).grant(root, [now])
    return True


def _sealed(root: str, surface: Surface) -> Sealed:
    return sealed(root, surface, environment().get("PATH"))


def _surface(workspace: str, skill: FoundSkill) -> tuple[str, Surface]:
    """The directory that the trust is kept for, and the surface in it: for a workspace the one that `codewhale trust` names
    too, which is the folder right below the place of skills."""
    below = os.path.relpath(skill.folder, os.path.realpath(skill.place)).split(os.sep)[0]
    if skill.anchor == os.path.realpath(workspace):
        return workspace, Surface(path=f"{skill.label}/{below}", kind="skill")
    return skill.place, Surface(path=below, kind="skill")


def _settings(around: Surroundings) -> Settings:
    assert around.settings is not None
    return around.settings
