"""Two processes and one data directory: a client of the server that owns it, or a word about who does."""

import asyncio
import signal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from conftest import ModelOf, Site

SCRIPT = """
[[turn]]
when = {contains = "hi"}
[[turn.reply]]
text = "Hello."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "I have begun, and do not come to an end."
hold = {name = "never", at = "mid_text"}
"""


async def test_exec_works_through_the_server_that_owns_the_data(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    server = site.serve()
    done = site.run("exec", "--json", "hi")
    assert done.code == 0, done.err
    said = msgspec.json.decode(done.out, type=dict[str, object])
    assert said["output"] == "Hello."
    (thread,) = (await server.call("GET", "/v1/threads")).json()
    frames = await server.until(thread["id"], lambda frame: frame.event == "turn.completed")
    assert frames[0].event == "thread.started"


async def test_ctrl_c_of_a_client_interrupts_the_turn_in_the_server(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    client = site.start("exec", "wait")
    await model.held("never")
    client.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(client.communicate, None, 10)
    assert client.returncode == 130
    assert "I have begun, and do not come to an end.".startswith(out.decode().rstrip("\n"))
    assert b"Traceback" not in err
    (thread,) = (await server.call("GET", "/v1/threads/summary")).json()
    assert thread["latest_turn_status"] == "interrupted"


async def test_a_client_whose_server_dies_says_so(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    client = site.start("exec", "wait")
    await model.held("never")
    assert client.stdout is not None
    await asyncio.to_thread(client.stdout.read, 6)  # it follows its turn by now
    server.kill()
    _, err = await asyncio.to_thread(client.communicate, None, 20)
    assert client.returncode == 1
    assert b"lost the server at 127.0.0.1" in err
    assert b"codewhale threads show thr_" in err
    assert b"Traceback" not in err


async def test_exec_beside_another_exec_says_who_has_the_data_and_touches_nothing(
    site: "Site", model_of: "ModelOf"
) -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    first = site.start("exec", "wait")
    await model.held("never")
    assert first.stdout is not None
    await asyncio.to_thread(first.stdout.read, 6)  # what it had to record so far is recorded
    before = site.bytes_of_data()
    for words in (["exec", "hi"], ["exec", "--continue", "hi"], ["serve", "--http"], ["store", "check"]):
        second = site.run(*words)
        assert (second.code, second.out) == (1, ""), words
        assert f"is in use by process {first.pid} (codewhale exec)" in second.err
        assert "hint: " in second.err
        assert "Traceback" not in second.err
    assert site.bytes_of_data() == before
    first.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(first.wait, 10) == 130
    assert site.run("exec", "hi")[:2] == (0, "Hello.\n")


async def test_serve_beside_serve_says_where_the_first_one_is(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    server = site.serve()
    before = site.bytes_of_data()
    second = site.run("serve", "--http", "--port", str(server.port + 1))
    assert (second.code, second.out) == (1, "")
    assert f"is in use by process {server.program.pid} (codewhale serve)" in second.err
    assert f"http://127.0.0.1:{server.port}" in second.err
    assert site.bytes_of_data() == before
    assert (await server.call("GET", "/v1/threads")).status == 200


async def test_after_a_killed_owner_the_next_process_goes_on(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    first = site.start("exec", "wait")
    await model.held("never")
    first.kill()
    first.wait(10)
    done = site.run("exec", "--continue", "hi")
    assert (done.code, done.out) == (0, "Hello.\n"), done.err
    assert await model.refused() == []
