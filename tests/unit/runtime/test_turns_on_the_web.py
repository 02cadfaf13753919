"""A turn that fetches: the gate asks the network policy, the person is shown the host, the log keeps what was said."""

from pathlib import Path

import pytest

from codewhale.domain import events as e
from codewhale.domain.commands import TurnInput
from codewhale.domain.network import OPEN, NetworkPolicy
from codewhale.testing.public_peer import dialer_to_peer
from codewhale.testing.scene import Extras, Scene, scene
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.workspace.web.web import Web

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


async def page(request: Received, wire: Wire) -> None:
    del request
    await wire.answer(b"<h1>Hello</h1>", headers="Content-Type: text/html\r\n")


def script(url: str) -> str:
    call = f'{{id = "c", tool = "fetch_url", force = true, arguments = {{url = "{url}"}}}}'
    return f'[[reply]]\ncalls = [{call}]\n[[reply]]\ntext = "Done."\n'


def last_result(stage: Scene, thread_id: str) -> str:
    ended = [one.decode() for one in stage.log(thread_id) if one.event in (e.ItemCompleted.WIRE, e.ItemFailed.WIRE)]
    texts = [
        one.item.detail
        for one in ended
        if isinstance(one, e.ItemCompleted | e.ItemFailed) and one.item.call is not None
    ]
    return texts[-1] or ""


async def test_a_host_in_no_list_is_asked_about_and_then_fetched(tmp_path: Path) -> None:
    policy = NetworkPolicy()
    async with SocketServer(page) as peer:
        url = f"http://peer.test:{peer.port}/"
        extras = Extras(web=Web(policy, dialer=dialer_to_peer("peer.test", policy=policy)))
        async with scene(str(tmp_path), script(url), environ=ENVIRON, extras=extras) as stage:
            thread = await stage.thread()
            started = await stage.runtime.start_turn(thread.id, TurnInput(prompt="read it"))
            events = await stage.until(thread.id, e.ApprovalRequired.WIRE)
            asked = events[-1].decode()
            assert isinstance(asked, e.ApprovalRequired)
            assert (asked.tool_name, asked.matched_rule, asked.description) == (
                "fetch_url",
                "network.default",
                f"Fetch {url}",
            )
            assert peer.connections == 0
            decided = next(one.decode() for one in events if one.event == e.CallDecided.WIRE)
            assert isinstance(decided, e.CallDecided)
            assert decided.hosts == ("peer.test",)
            await stage.runtime.decide(asked.id, "allow")
            await stage.turn(thread.id, started.turn.id)
            assert "# Hello" in last_result(stage, thread.id)


@pytest.mark.parametrize("policy", [NetworkPolicy(default="deny"), NetworkPolicy(default="allow", deny=("peer.test",))])
async def test_a_denied_host_is_not_even_asked_about(tmp_path: Path, policy: NetworkPolicy) -> None:
    async with SocketServer(page) as peer:
        extras = Extras(web=Web(policy, dialer=dialer_to_peer("peer.test", policy=policy)))
        source = script(f"http://peer.test:{peer.port}/")
        async with scene(str(tmp_path), source, environ=ENVIRON, extras=extras) as stage:
            thread = await stage.thread()
            events = await stage.say(thread.id, "read it")
            assert e.ApprovalRequired.WIRE not in [one.event for one in events]
            assert last_result(stage, thread.id).startswith("Not allowed: the network policy does not allow peer.test")
            assert peer.connections == 0


async def test_plan_mode_may_read_the_web(tmp_path: Path) -> None:
    async with SocketServer(page) as peer:
        extras = Extras(web=Web(OPEN, dialer=dialer_to_peer("peer.test")))
        source = script(f"http://peer.test:{peer.port}/")
        async with scene(str(tmp_path), source, environ=ENVIRON, extras=extras) as stage:
            thread = await stage.thread()
            await stage.say(thread.id, "read it", TurnInput(prompt="read it", mode="plan"))
            assert "# Hello" in last_result(stage, thread.id)
