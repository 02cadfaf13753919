"""What a runtime is told about the world around its threads. Values only, so that a start costs nothing."""

import os

from msgspec import Struct

from codewhale.config.settings import Settings


class Surroundings(Struct, frozen=True, kw_only=True):
    """Where the person keeps skills, MCP servers, notes and instructions for every project, and the settings that name
    providers; None: there are none."""

    skills_dir: str
    skills_state: str
    mcp_config: str
    notes: str
    trusted_paths: str
    instructions_file: str
    instructions: tuple[str, ...] = ()
    gh: str | None = None
    settings: Settings | None = None


def surroundings_of(settings: Settings) -> Surroundings:
    """The places that the settings name."""
    return Surroundings(
        skills_dir=settings.skills_dir,
        skills_state=settings.skills_state,
        mcp_config=settings.mcp_config,
        notes=settings.notes_path,
        trusted_paths=settings.trusted_paths_file,
        instructions_file=os.path.join(settings.home, "AGENTS.md"),
        instructions=settings.instructions,
        gh=settings.gh_bin,
        settings=settings,
    )
