import pytest

from codewhale.surfaces.http.paths import Paths
from codewhale.surfaces.http.routes import ENDPOINTS

NONE: dict[str, str] = {}

PATHS = Paths({route: route for route in ("/", "/a", "/{x}", "/a/{x}", "/a/{x}/b", "/a/{x}/{y}", "/a/fixed/b")})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("/", NONE)),
        ("/a", ("/a", NONE)),
        ("/b", ("/{x}", {"x": "b"})),
        ("/a/é b%", ("/a/{x}", {"x": "é b%"})),
        ("/a/1/b", ("/a/{x}/b", {"x": "1"})),
        ("/a/1/2", ("/a/{x}/{y}", {"x": "1", "y": "2"})),
        ("/a/fixed/b", ("/a/fixed/b", NONE)),
        ("/a/", None),
        ("/a//b", None),
        ("a", None),
        ("", None),
        ("//a", None),
        ("/a/1/2/3", None),
        ("/A/1/2", None),
        ("/a/1/b\n", ("/a/{x}/{y}", {"x": "1", "y": "b\n"})),
    ],
)
def test_a_path_means_one_route_or_none(path: str, found: tuple[str, dict[str, str]] | None) -> None:
    assert PATHS.find(path) == found


def test_every_endpoint_is_found_by_its_own_path() -> None:
    routes = Paths({endpoint.path: endpoint.path for endpoint in ENDPOINTS})
    for endpoint in ENDPOINTS:
        found = routes.find(endpoint.path.replace("{", "").replace("}", ""))
        assert found is not None
        assert found[0] == endpoint.path
