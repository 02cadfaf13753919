"""Which web pages may use the API (the contract's five, and those that were configured)."""

from typing import Any

import pytest

from codewhale.surfaces.http.origins import never_met

DEFAULTS = [
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost:1420",
    "http://127.0.0.1:1420",
    "tauri://localhost",
]


@pytest.mark.parametrize("origin", [*DEFAULTS, "https://app.example.com"])
async def test_a_listed_page_may_read_answers_and_refusals(site_of: Any, origin: str) -> None:
    site = site_of(cors_origins=("https://app.example.com",))
    for auth, status in ((True, 200), (False, 401)):
        answer = await site.call("GET", "/v1/threads", ("Origin", origin), ("Sec-Fetch-Site", "cross-site"), auth=auth)
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_is_answered_before_credentials(site: Any) -> None:
    asked = (("Origin", DEFAULTS[0]), ("Access-Control-Request-Method", "POST"))
    answer = await site.call("OPTIONS", "/v1/threads", *asked, auth=False)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == DEFAULTS[0]
    assert set(answer.headers["access-control-allow-methods"].split(", ")) >= {
        "GET",
        "POST",
        "PATCH",
        "DELETE",
        "OPTIONS",
    }
    allowed = {name.lower() for name in answer.headers["access-control-allow-headers"].split(", ")}
    assert allowed >= {
        "authorization",
        "content-type",
        "accept",
        "idempotency-key",
        "x-codewhale-runtime-token",
        "x-deepseek-runtime-token",
    }


@pytest.mark.requirement("LH-03")
async def test_a_preflight_of_another_page_gets_nothing(site: Any) -> None:
    asked = (("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST"))
    answer = await site.call("OPTIONS", "/v1/threads", *asked, auth=False)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_options_without_a_page_is_just_a_method_that_is_not_there(site: Any) -> None:
    answer = await site.call("OPTIONS", "/v1/threads")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


def test_an_origin_that_no_browser_sends_is_told() -> None:
    fine = [*DEFAULTS, "https://app.example.com", "http://[::1]:8080", "chrome-extension://abc"]
    odd = ["*", "https://app.example.com/", "https://*.example.com", "app.example.com", "HTTP://a", "a b", "null"]
    assert never_met([*fine, *odd]) == odd
