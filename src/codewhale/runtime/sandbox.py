"""The sandbox outside of any thread: what this machine offers, what it holds against, and one command in it."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.domain.confinement import Confinement, Policy, Surface, Tier, confinement
from codewhale.domain.errors import NotAvailable
from codewhale.workspace.caged import run_caged, start_victim
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.sandbox.cages import Cages
from codewhale.workspace.sandbox.tiers import LEFT_OVER, MUST_WORK, Offered, Proof, attack, binary_of
from codewhale.workspace.web.dial import Dialer
from codewhale.workspace.web.proxy import open_proxy

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

__all__ = ["LEFT_OVER", "MUST_WORK", "Proof", "Report", "Wish", "probed", "proved", "run_one"]


class Report(Struct, frozen=True, kw_only=True):
    """The tier, what was found of it and of those above it, and every attack (true: it worked; null: nothing to try)."""

    tier: Tier
    binary: str | None
    missing: dict[str, str]
    cells: dict[str, bool | None]


class Wish(Struct, frozen=True, kw_only=True):
    """One command as it was asked for."""

    argv: tuple[str, ...]
    policy: Policy | None = None
    network: bool = False
    writable: tuple[str, ...] = ()


def proved() -> Report:
    """The tier of this machine, tried with the attacks that must fail. Takes a fifth of a second."""
    cages = Cages(run_caged, start_victim)
    try:
        return _report(cages.proof(), None)
    finally:
        cages.close()


def probed(tier: Offered | None = None) -> Report:
    """All attacks on a tier, or on the best one here. `NotAvailable` when that tier is not."""
    cages = Cages(run_caged, start_victim, tiers=(tier,) if tier is not None else None)
    try:
        proof = cages.proof()
        if proof.tier in ("none", "external"):
            if tier is not None:
                raise NotAvailable(f"{tier} does not work here: {proof.missing[0].reason}")
            return _report(proof, {})
        cells = attack(proof.tier, binary_of(proof.tier, cages.means.binaries), cages.means, cages.scratch, ())
        return _report(proof, cells)
    finally:
        cages.close()


def _report(proof: Proof, cells: dict[str, bool | None] | None) -> Report:
    return Report(
        tier=proof.tier,
        binary=proof.binary,
        missing={missing.tier: missing.reason for missing in proof.missing},
        cells=proof.cells if cells is None else cells,
    )


async def run_one(settings: Settings, wish: Wish) -> tuple[int, Tier]:
    """Run it with this process's own standard streams; its exit code (128 + n for signal n), and what confined it. Signals
    that reach us are passed on to it. Raises `ToolError` when it cannot be confined, and then it does not run."""
    workspace = _real(settings.workspace)
    async with _held(settings, wish, workspace) as held:
        processes = Processes(environment()).confined(held)
        try:
            await processes.settle_tier()
            running = processes.foreground(Command(argv=wish.argv, cwd=workspace))
            loop = asyncio.get_running_loop()
            for number in _PASSED_ON:
                loop.add_signal_handler(number, running.pass_on, number)
            code = await asyncio.to_thread(running.wait)
            return code, running.tier
        finally:
            processes.close()


@asynccontextmanager
async def _held(settings: Settings, wish: Wish, workspace: str) -> AsyncGenerator[Confinement, None]:
    """The confinement of the command, with a proxy of its own for as long as it runs when it is to have the network."""
    surface = settings.sandbox
    policy = wish.policy or surface.policy or "workspace-write"
    wanted: Surface = replace(
        surface, writable=(*surface.writable, *(_real(root) for root in wish.writable)), network="off"
    )
    home = environment().get("HOME")
    if not wish.network or policy in ("danger-full-access", "external-sandbox"):
        yield confinement(policy, workspace, home, wanted)
        return
    async with open_proxy(Dialer(settings.network)) as proxy:
        yield confinement(policy, workspace, home, replace(wanted, network="proxy", proxy=proxy.socket_path))


def _real(path: str) -> str:
    return os.path.realpath(path)
