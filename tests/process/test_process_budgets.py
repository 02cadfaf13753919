"""A budget over `kill -9` and restart: a call that was under way counts as all that it could have used, and no cap is passed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import ModelOf, Server, Site

CAP = 60_000
SCRIPT = """
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "Never heard."
hold = {name = "gate", at = "mid_text"}
[[turn]]
when = {contains = "answer"}
[[turn.reply]]
text = "Heard."
"""


async def day(server: "Server") -> Any:
    """Today's budget."""
    return (await server.call("GET", "/v1/budgets")).json()[0]


async def outcome(server: "Server", thread: str, turn: str) -> Any:
    """How a turn ended."""
    await server.until(thread, lambda frame: frame.event == "turn.completed" and frame.json()["turn_id"] == turn)
    turns: Any = (await server.call("GET", f"/v1/threads/{thread}")).json()["turns"]
    return next(one for one in turns if one["id"] == turn)


async def test_a_call_that_a_crash_cut_off_counts_as_the_most_it_could_be(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    site.home.mkdir()
    (site.home / "config.toml").write_text(f"[budgets.day]\ntokens = {CAP}\n")
    server = site.serve()
    thread = await server.thread()
    await outcome(server, thread, await server.turn(thread, "answer"))
    before = (await day(server))["tokens"]
    assert 0 < before < 20_000
    await server.turn(thread, "wait")
    await model.held("gate")
    server.kill()

    server = site.serve()
    after = await day(server)
    assert after["caps"] == {"tokens": CAP}
    assert after["tokens"] > before + 8_000
    statuses: list[str] = []
    for _ in range(12):
        turn = await outcome(server, thread, await server.turn(thread, "answer"))
        statuses.append(turn["status"])
        assert (await day(server))["tokens"] <= CAP
        if turn["status"] == "failed":
            assert "The budget of 60,000 tokens for today" in turn["error"]
            break
    assert statuses[-1] == "failed"
