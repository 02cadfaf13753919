"""The server as a client in any language meets it: bytes on a socket."""

import asyncio
import re
from collections.abc import Sequence

import msgspec
import pytest

from codewhale.domain.errors import ConfigError, NotFound
from codewhale.llm.scripted.faults import Fault
from codewhale.llm.scripted.refuse import refusal
from codewhale.llm.scripted.script import Reply, Script, parse_script
from codewhale.llm.scripted.server import ScriptedModel

HELLO = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAMED = HELLO[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}'
ONE = parse_script('[[reply]]\ntext = "ab"\nusage = { input_tokens = 1, output_tokens = 2 }')
CHAT = "/v1/chat/completions"


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def talk(server: ScriptedModel, *requests: bytes) -> bytes:
    """All that comes back for the requests, sent at once on one connection that the last of them closes."""
    reader, writer = await connected(server)
    async with asyncio.timeout(5):
        writer.write(b"".join(requests))
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def connected(server: ScriptedModel) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))


def body_of(answer: bytes) -> bytes:
    """The body of one answer, chunks joined."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    out: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        out.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(out)


def frames(answer: bytes) -> list[object]:
    texts = [text.removeprefix(b"data: ") for text in body_of(answer).split(b"\n\n") if text]
    return [text if text == b"[DONE]" else msgspec.json.decode(text) for text in texts]


CLOSE = "Connection: close"


async def test_a_streamed_answer() -> None:
    async with ScriptedModel(ONE) as server:
        answer = await talk(server, request("POST", CHAT, STREAMED, CLOSE))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream" in answer
    decoded = msgspec.convert(frames(answer)[:-1], list[dict[str, object]])
    assert [frame["choices"] for frame in decoded] == [
        [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}],
        [{"index": 0, "delta": {"content": "b"}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        [],
    ]
    assert decoded[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert frames(answer)[-1] == b"[DONE]"


async def test_an_answer_that_is_not_streamed() -> None:
    async with ScriptedModel(ONE) as server:
        answer = msgspec.json.decode(body_of(await talk(server, request("POST", CHAT, HELLO, CLOSE))))
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


async def test_one_connection_serves_many_requests_in_order() -> None:
    async with ScriptedModel(ONE) as server:
        models = request("GET", "/v1/models")
        answer = await talk(
            server, models, request("POST", CHAT, HELLO), models, request("GET", "/nowhere", b"", CLOSE)
        )
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"200", b"404"]
        assert [received.path for received in server.requests] == ["/v1/models", CHAT, "/v1/models", "/nowhere"]


async def test_requests_are_kept_without_the_key_until_a_reset() -> None:
    async with ScriptedModel(ONE) as server:
        await talk(server, request("POST", CHAT, HELLO, "Authorization: Bearer sk-1", "X-Api-Key: sk-2", CLOSE))
        kept = msgspec.json.decode(body_of(await talk(server, request("GET", "/_requests", b"", CLOSE))))
        assert [(r["number"], r["reply"], r["attempt"], r["status"], r["outcome"]) for r in kept] == [
            (1, "reply[0]", 0, 200, "complete")
        ]
        assert kept[0]["body"] == msgspec.json.decode(HELLO)
        assert (kept[0]["headers"]["authorization"], kept[0]["headers"]["x-api-key"]) == ("Bearer ***", "***")
        await talk(server, request("POST", "/_reset", b"", CLOSE))
        assert server.requests == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "Expected `object`"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "content must be a string"),
        (b'{"model":"m","messages":[]}', "messages is empty"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "messages[0]"),
    ],
)
async def test_a_bad_body_is_refused_in_words(body: bytes, said: str) -> None:
    async with ScriptedModel(ONE) as server:
        answer = await talk(server, request("POST", CHAT, body, CLOSE))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert said in msgspec.json.decode(body_of(answer))["error"]["message"]


async def test_a_lenient_script_takes_what_others_send() -> None:
    script = Script(reply=(Reply(text="{{prompt}}"),), strict=False)
    body = b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"parts"}]}]}'
    async with ScriptedModel(script) as server:
        answer = msgspec.json.decode(body_of(await talk(server, request("POST", CHAT, body, CLOSE))))
    assert answer["choices"][0]["message"]["content"] == "parts"


async def test_a_cut_ends_in_the_middle_of_an_event_and_of_a_chunk() -> None:
    script = parse_script('[[reply]]\ntext = "ab"\nfaults = [{ cut = "mid_text" }]')
    async with ScriptedModel(script) as server:
        answer = await talk(server, request("POST", CHAT, STREAMED))
        assert answer.endswith(b'data: {"id":"chatcmpl-')
        assert [r.outcome for r in server.requests] == ["broken"]


async def test_a_reset_is_a_reset() -> None:
    script = parse_script('[[reply]]\ntext = "ab"\nfaults = [{ reset = "before_headers" }]')
    async with ScriptedModel(script) as server:
        with pytest.raises(ConnectionResetError):
            await talk(server, request("POST", CHAT, STREAMED))


async def test_a_stall_ends_when_the_client_goes_away() -> None:
    script = parse_script('[[reply]]\ntext = "ab"\nfaults = [{ stall = "after_headers" }]')
    async with ScriptedModel(script) as server, asyncio.timeout(5):
        reader, writer = await connected(server)
        writer.write(request("POST", CHAT, STREAMED))
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        [received] = server.requests
        assert received.outcome == "open"
        writer.close()
        await writer.wait_closed()
        await talk(server, request("GET", "/v1/models", b"", CLOSE))
        assert received.outcome == "client_gone"


async def test_leaving_the_block_ends_whatever_stalls() -> None:
    script = parse_script('[[reply]]\ntext = "ab"\nfaults = [{ stall = "mid_text" }]')
    async with asyncio.timeout(5):
        async with ScriptedModel(script) as server:
            reader, writer = await connected(server)
            writer.write(request("POST", CHAT, STREAMED))
            await reader.readline()
            assert len(server.requests) == 1
        assert b"[DONE]" not in await reader.read()
        writer.close()
        await writer.wait_closed()


async def test_a_hold_is_watched_and_released_over_http() -> None:
    script = parse_script('[[reply]]\ntext = "ab"\nhold = "gate"')
    async with ScriptedModel(script) as server, asyncio.TaskGroup() as group:
        answer = group.create_task(talk(server, request("POST", CHAT, HELLO, CLOSE)))
        await talk(server, request("GET", "/_held/gate", b"", CLOSE))
        assert not answer.done()
        await talk(server, request("POST", "/_release/gate", b"", CLOSE))
    assert b'"content":"ab"' in answer.result()


async def test_an_unknown_hold_is_named_with_those_there_are() -> None:
    async with ScriptedModel(parse_script('reply = [{ text = "ab", hold = "gate" }]')) as server:
        answer = await talk(server, request("POST", "/_release/gtae", b"", CLOSE))
        assert b"no hold named 'gtae'; it has: gate" in body_of(answer)
        with pytest.raises(NotFound):
            server.release("gtae")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(status=503, body="busy"), (503, {"Content-Type": "application/json"}, b"busy")),
        (
            Fault(status=429, body="{}", retry_after=-5),
            (429, {"Content-Type": "application/json", "Retry-After": "-5"}, b"{}"),
        ),
        (
            Fault(redirect="http://elsewhere/"),
            (307, {"Location": "http://elsewhere/", "Content-Type": "text/plain"}, b""),
        ),
        (
            Fault(status=500, body="", content_type="x/y", headers={"X-A": "b"}),
            (500, {"Content-Type": "x/y", "X-A": "b"}, b""),
        ),
    ],
)
def test_a_refusal_says_what_the_fault_says(fault: Fault, expected: tuple[int, dict[str, str], bytes]) -> None:
    assert refusal(fault) == expected


def test_a_retry_after_can_be_a_date() -> None:
    refused = refusal(Fault(status=429, retry_after_date=60))
    assert refused is not None
    assert refused[1]["Retry-After"].endswith(" GMT")


async def test_a_taken_port_is_said_to_be_taken() -> None:
    async with ScriptedModel(ONE) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        with pytest.raises(ConfigError, match=f"port {port}"):
            async with ScriptedModel(ONE, port=port):
                pass


def lines(answer: bytes, names: Sequence[bytes]) -> list[bytes]:
    return [line for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n") if line.partition(b":")[0] in names]


async def test_an_old_client_gets_an_answer_that_ends_with_the_connection() -> None:
    async with ScriptedModel(ONE) as server:
        answer = await talk(server, request("POST", CHAT, HELLO).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert lines(answer, (b"Transfer-Encoding", b"Connection")) == [b"Connection: close"]
    assert msgspec.json.decode(body_of(answer))["object"] == "chat.completion"


async def test_the_server_waits_for_requests_to_be_counted() -> None:
    async with ScriptedModel(ONE) as server, asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(server.received(2))
        await talk(server, request("GET", "/v1/models"), request("POST", CHAT, HELLO, CLOSE))
