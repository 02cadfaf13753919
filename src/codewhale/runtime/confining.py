"""Which confinement a turn's programs and files get: the policy of its mode and the settings, on its workspace."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from codewhale.config.settings import Settings
from codewhale.domain.confinement import Confinement, Policy, Surface, confinement, policy_of
from codewhale.policy.mode import Mode
from codewhale.runtime.outside import Outside
from codewhale.workspace.web.web import Web


@asynccontextmanager
async def granted(settings: Settings, web: Web) -> AsyncGenerator[Surface, None]:
    """The sandbox that the settings ask for; where they grant the network, with a proxy for as long as this lasts."""
    if settings.sandbox.network != "proxy":
        yield settings.sandbox
        return
    from codewhale.workspace.web.proxy import open_proxy  # noqa: PLC0415 - start-up: few settings grant the network

    async with open_proxy(web.dialer()) as proxy:
        yield replace(settings.sandbox, proxy=proxy.socket_path)


def in_words(mode: Mode, surface: Surface) -> str:
    """What holds the programs of a turn in this mode, as the model is told."""
    policy = policy_of(mode, surface.policy)
    if policy == "danger-full-access":
        return "none; commands have full access"
    if policy == "external-sandbox":
        return "commands run in a sandbox around codewhale"
    where = "the workspace and $TMPDIR" if policy == "workspace-write" else "$TMPDIR"
    network = "only through an allow-list proxy" if surface.network == "proxy" else "none"
    return (
        f"{policy}; commands write only {where}, not .git/hooks, .git/config or settings of tools; network: {network}"
    )


def confinement_of(policy: Policy, workspace: str, outside: Outside) -> Confinement:
    """The lists for a turn in `workspace`; nothing that a call names can change them."""
    return confinement(policy, os.path.realpath(workspace), outside.processes.home, outside.standing.surface)
