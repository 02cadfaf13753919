"""What a runtime is told about the world around its threads. Values only, so that a start costs nothing."""

import os

from msgspec import Struct

from codewhale.config.settings import Settings
from codewhale.context.places import IN_WORKSPACE


class MemoryPlaces(Struct, frozen=True, kw_only=True):
    """Where memory is kept: the file of what holds everywhere, and the folder with one of what holds in each project."""

    everywhere: str
    projects: str


class Surroundings(Struct, frozen=True, kw_only=True):
    """Where the person keeps skills, MCP servers, notes and instructions for every project, and the settings that name
    providers; None: there are none. The last of the `skill_places` is where new skills go. `memory` None: it is switched
    off."""

    skill_places: tuple[str, ...]
    skills_state: str
    mcp_config: str
    notes: str
    trusted_paths: str
    instructions_file: str
    instructions: tuple[str, ...] = ()
    memory: MemoryPlaces | None = None
    gh: str | None = None
    settings: Settings | None = None


def skill_places(workspace: str, own: tuple[str, ...]) -> list[str]:
    """Every directory that may hold skills for work in the workspace."""
    return [*(os.path.join(workspace, name) for name in IN_WORKSPACE), *own]


def surroundings_of(settings: Settings) -> Surroundings:
    """The places that the settings name."""
    return Surroundings(
        skill_places=(*settings.user_skills, settings.skills_dir),
        skills_state=settings.skills_state,
        mcp_config=settings.mcp_config,
        notes=settings.notes_path,
        trusted_paths=settings.trusted_paths_file,
        instructions_file=os.path.join(settings.home, "AGENTS.md"),
        instructions=settings.instructions,
        memory=MemoryPlaces(everywhere=settings.memory_file, projects=settings.memory_dir) if settings.memory else None,
        gh=settings.gh_bin,
        settings=settings,
    )
