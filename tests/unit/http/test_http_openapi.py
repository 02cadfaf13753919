"""The description of the API holds every route, field, error and stream event."""

import re
from typing import Any

import msgspec

from codewhale.domain import events as e
from codewhale.domain.records import Item, Thread, Turn
from codewhale.surfaces.http.openapi import document, document_json
from codewhale.surfaces.http.routes import ENDPOINTS

DOCUMENT = document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method.upper(), op) for path, ops in DOCUMENT["paths"].items() for method, op in ops.items()]


def test_every_endpoint_is_described_and_nothing_else() -> None:
    assert [(path, method) for path, method, _ in operations()] == sorted(
        ((x.path, x.method) for x in ENDPOINTS), key=[(p, m) for p, m, _ in operations()].index
    )
    assert {op["operationId"] for _, _, op in operations()} == {x.name for x in ENDPOINTS}
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_every_operation_says_what_can_go_wrong() -> None:
    for path, method, op in operations():
        expected = {"400", "403", "414", "421", "431", "500", "503", *(("401", "429") if op["security"] else ())}
        assert expected <= set(op["responses"]), (path, method)
        if "requestBody" in op:
            assert {"408", "413", "415", "422"} <= set(op["responses"])


def test_records_have_all_their_fields() -> None:
    for kind in (Thread, Turn, Item):
        assert set(SCHEMAS[kind.__name__]["properties"]) == set(kind.__struct_fields__)


def test_the_event_union_is_told_apart_by_its_name() -> None:
    published = [name for name in e.PAYLOADS if name not in e.INTERNAL]
    mapping = SCHEMAS["Event"]["discriminator"]["mapping"]
    assert list(mapping) == published
    for name, ref in mapping.items():
        envelope = SCHEMAS[ref.rpartition("/")[2]]
        assert envelope["properties"]["event"] == {"const": name}
        assert envelope["properties"]["payload"]["$ref"].rpartition("/")[2] in SCHEMAS


def test_no_reference_leads_nowhere() -> None:
    found = re.findall(r'"\$ref":"#/components/schemas/(\w+)"', document_json("1").decode())
    assert len(found) > 100
    assert set(found) <= set(SCHEMAS)


async def test_it_is_served_without_a_token(site: Any) -> None:
    answer = await site.call("GET", "/openapi.json", auth=False)
    assert answer.body == document_json("0.0.1")
    assert msgspec.json.decode(answer.body)["info"]["version"] == "0.0.1"


async def test_it_can_be_read_as_a_page_that_needs_nothing_else(site: Any) -> None:
    answer = await site.call("GET", "/docs", auth=False)
    text = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert re.findall(r"<script|src=|https?://", text) == []
    anchors = set(re.findall(r'id="([^"]+)"', text))
    assert {name for name in re.findall(r'href="#([^"]+)"', text) if name not in anchors} == set()
    assert {endpoint.name for endpoint in ENDPOINTS} <= anchors
