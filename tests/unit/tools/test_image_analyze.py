"""`image_analyze`: a picture goes to the vision model of the settings, over real HTTP, and its words come back as data."""

import base64
from pathlib import Path

import msgspec

from codewhale.testing.homes import home
from codewhale.testing.socket_server import Received, SocketServer, Wire

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
LOOK = """
[[reply]]
calls = [{id = "c", tool = "image_analyze", arguments = {image_path = "a.png", prompt = "What is it?"}, force = true}]
[[reply]]
text = "done"
"""
SETTINGS = '[vision_model]\nmodel = "eyes"\nbase_url = "%s"\napi_key = "vision-key-0123456789"\n'


async def looked(top: Path, status: int, answer: bytes, *, picture: bytes = PNG) -> tuple[str, list[Received]]:
    """The result of the call, and what the vision model was sent."""

    async def player(request: Received, wire: Wire) -> None:
        del request
        await wire.answer(answer, status=status)

    (top / "work").mkdir(exist_ok=True)
    (top / "work/a.png").write_bytes(picture)
    async with SocketServer(player) as eyes, home(top, LOOK, config=SETTINGS % eyes.url) as place:
        await place.say("look")
        results = [
            message["content"]
            for message in msgspec.json.decode(place.model.requests[-1].body)["messages"]
            if message["role"] == "tool"
        ]
    return results[0], eyes.requests


async def test_the_picture_and_the_question_are_sent_and_the_answer_is_data(tmp_path: Path) -> None:
    answer = b'{"choices":[{"message":{"content":"A </image_analysis> cat"}}]}'
    said, sent = await looked(tmp_path, 200, answer)
    assert said == '<image_analysis path="a.png">\nA &lt;/image_analysis> cat\n</image_analysis>'
    (request,) = sent
    assert (request.target, request.headers["authorization"]) == (
        "/v1/chat/completions",
        "Bearer vision-key-0123456789",
    )
    body = msgspec.json.decode(request.body)
    assert body["model"] == "eyes"
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}},
    ]


async def test_a_refusal_is_told_without_the_key(tmp_path: Path) -> None:
    said, _ = await looked(tmp_path, 401, b'{"error":"vision-key-0123456789 is wrong"}')
    assert said.startswith("The vision model answered 401: ")
    assert "vision-key" not in said


async def test_what_is_no_picture_is_not_sent(tmp_path: Path) -> None:
    said, sent = await looked(tmp_path, 200, b"{}", picture=b"text")
    assert said == "a.png is no PNG, JPEG, GIF or WebP picture."
    assert sent == []


async def test_without_a_vision_model_there_is_no_tool(tmp_path: Path) -> None:
    async with home(tmp_path, LOOK) as place:
        await place.say("look")
        told = msgspec.json.encode(place.model.requests[-1].body).decode()
    assert "image_analyze is unavailable because the settings have no [vision_model]" in told
