"""What `load_skill` reads. A skill's text guides the model and is labelled with where it came from; it is never more than
text, and only skills that are not switched off are there."""

import asyncio
import os

from codewhale.context.skills import FoundSkill, companion, companions, skill_text
from codewhale.context.visible import element, visible
from codewhale.domain.confinement import within
from codewhale.domain.errors import ToolError
from codewhale.domain.nearest import nearest
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.skills import enabled_skills, scripts_of, skills_for
from codewhale.runtime.surroundings import Surroundings
from codewhale.tools.load_skill import ListSkills, LoadSkill

UNTRUSTED = (
    "The programs of this skill are not trusted by the person. Do not run them unless the person asks for it; "
    "`codewhale skills trust` is how a person looks at them."
)

UNSEEN = (
    "Commands that are confined do not see that folder: read a program with `file`, and write it where you need it."
)


async def load(wish: LoadSkill, origin: Origin, runtime: Runtime) -> str:
    """The text of a skill or of another file of it."""
    around = _around(runtime)
    return await asyncio.to_thread(_loaded, around, origin.workspace, wish)


async def names(wish: ListSkills, origin: Origin, runtime: Runtime) -> str:
    """All skills."""
    del wish
    around = _around(runtime)
    skills = await asyncio.to_thread(enabled_skills, around, origin.workspace)
    if not skills:
        return "There are no skills here."
    return visible(
        "\n".join(f"- {one.name}: {' '.join(one.description.split()) or '(not described)'}" for one in skills)
    )


def _around(runtime: Runtime) -> Surroundings:
    around = runtime.outside.surroundings
    if around is None:
        raise ToolError("There are no skills here.", category="not_available")
    return around


def _loaded(around: Surroundings, workspace: str, wish: LoadSkill) -> str:
    skill = _wanted(around, workspace, wish.name)
    if wish.file:
        text = companion(skill, wish.file)
        return element("skill_file", text, skill=skill.name, file=wish.file)
    lines = [element("skill", skill_text(skill), name=skill.name, source=skill.label)]
    others = companions(skill)
    if others:
        lines.append(f"Its other files, beneath {visible(skill.folder)}:")
        lines += [f"- {visible(name)}" for name in others]
        if around.settings is not None and within(skill.folder, os.path.realpath(around.settings.home)):
            lines.append(UNSEEN)
    if scripts_of(around, workspace, skill) == "untrusted":
        lines.append(UNTRUSTED)
    return "\n".join(lines)


def _wanted(around: Surroundings, workspace: str, name: str) -> FoundSkill:
    enabled = enabled_skills(around, workspace)
    for skill in enabled:
        if skill.name == name:
            return skill
    if any(skill.name == name for skill in skills_for(around, workspace).skills):
        raise ToolError(f"The skill {name!r} is switched off by the person.", category="not_available")
    meant = nearest(name, [skill.name for skill in enabled])
    hint = f" Did you mean {meant!r}?" if meant else " `list` names them." if enabled else ""
    raise ToolError(f"There is no skill {name!r}.{hint}", category="invalid_input")


ANSWERS = {LoadSkill: load, ListSkills: names}
