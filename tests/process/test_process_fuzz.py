"""Generated requests, good and bad, against the real server: no 5xx, no answer that its description does not know.

In the suite a few seconds' worth, always the same; `--fuzz N` tries N requests of each kind for every operation.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from codewhale.surfaces.http.openapi import document

TOKEN = "a-token-for-tests"
FEW = 20
"""Up to so many tries are the same ones every time."""

ENDLESS = {"thread_events", "stream_turn"}
"""Answers that go on; streams have tests of their own."""


def operations() -> Iterator[Any]:
    schema = cast("Any", schemathesis.openapi).from_dict(msgspec.json.decode(msgspec.json.encode(document("0"))))
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        operation = cast("Any", result.ok())
        if operation.definition.raw["operationId"] not in ENDLESS:
            yield operation


OPERATIONS = list(operations())


def no_defect(_: Any, response: Any, __: Any) -> None:
    """501 says in words what this codewhale cannot do (yet); any other 5xx is a defect."""
    assert response.status_code < 500 or response.status_code == 501, response.text


conformance = cast("Any", checks)
CHECKS: list[Any] = [
    no_defect,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]


@pytest.fixture(scope="module")
def place(fuzzed: str) -> Iterator[tuple[str, requests.Session, dict[str, str]]]:
    """The server's address, a session with its token, and ids that exist, by the first part of their paths."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        thread = session.post(f"{fuzzed}/v1/threads", json={}).json()["id"]
        task = session.post(f"{fuzzed}/v1/tasks", json={"prompt": "hello"}).json()["id"]
        rule = {"name": "n", "prompt": "p", "rrule": "FREQ=HOURLY;INTERVAL=24"}
        automation = session.post(f"{fuzzed}/v1/automations", json=rule).json()["id"]
        yield fuzzed, session, {"threads": thread, "sessions": thread, "tasks": task, "automations": automation}


@pytest.mark.parametrize("kind", ["good", "known", "bad"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_described(
    place: tuple[str, requests.Session, dict[str, str]], operation: Any, kind: str, request: pytest.FixtureRequest
) -> None:
    url, session, ids = place
    known = ids.get(operation.path.split("/")[2]) if kind == "known" and "{id}" in operation.path else None
    if kind == "known" and known is None:
        pytest.skip("it names nothing that exists")
    if kind == "bad" and not operation.definition.raw.keys() & {"parameters", "requestBody"}:
        pytest.skip("nothing in it can be wrong")
    tries = cast("int", request.config.getoption("--fuzz"))

    @given(case=generated(operation, kind, known))
    @settings(
        max_examples=tries,
        deadline=None,
        derandomize=tries <= FEW,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=cast("list[HealthCheck]", list(HealthCheck)),
    )
    def every(case: Any) -> None:
        case.call_and_validate(base_url=url, session=session, checks=CHECKS, timeout=20)

    every()


def generated(operation: Any, kind: str, known: str | None) -> Any:
    """Cases of an operation: as described, with an id that exists, or wrong somewhere."""
    if kind == "bad":
        return operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    strategy = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return strategy if known is None else strategy.map(partial(_naming, known))


def _naming(known: str, case: Any) -> Any:
    case.path_parameters = {**case.path_parameters, "id": known}
    return case
