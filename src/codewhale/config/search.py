"""`[search]` of a settings file and its variables: who is asked to search the web, and with which key."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.config.environment import given
from codewhale.config.settings import Search, Secret
from codewhale.domain.errors import ConfigError, ToolError

Text = Annotated[str, Meta(min_length=1)]
Provider = Literal["duckduckgo", "bing", "brave", "tavily", "bocha", "searxng"]
PROVIDERS = ("duckduckgo", "bing", "brave", "tavily", "bocha", "searxng")
KEY_VARIABLES = {"brave": "BRAVE_API_KEY", "tavily": "TAVILY_API_KEY", "bocha": "BOCHA_API_KEY"}
"""The services that need a key, and the vendors' own variables for it."""


class SearchKeys(Struct, frozen=True, kw_only=True):
    """`[search]`."""

    provider: Provider | None = None
    api_key: Text | None = None
    url: Text | None = None


def search_keys(keys: SearchKeys | None, path: str) -> Search | None:
    """What the file says; None where it has no `[search]`."""
    if keys is None:
        return None
    if keys.url is not None:
        _check_address(keys.url, path)
    key = Secret(keys.api_key.strip()) if keys.api_key is not None and keys.api_key.strip() else None
    return Search(provider=keys.provider or Search().provider, api_key=key, url=keys.url)


def _check_address(url: str, path: str) -> None:
    from codewhale.workspace.web.urls import parse_web_url  # noqa: PLC0415 - start-up: few have an instance of their own

    try:
        parse_web_url(url, local=True)
    except ToolError as error:  # the address itself is not shown: it may hold a password
        raise ConfigError(
            f"{path}: search.url cannot be used: {error.message.partition(': ')[2]}",
            hint="write it like http://localhost:8888",
        ) from error


def search_of(file: Search | None, environ: dict[str, str]) -> Search:
    """The search service: the environment's, else the file's, else the one that needs no key. The key in the file is sent to
    the service that the file names and to no other."""
    search_provider = given(environ, "DEEPSEEK_SEARCH_PROVIDER")
    if search_provider is not None and search_provider not in PROVIDERS:
        raise ConfigError(
            f"DEEPSEEK_SEARCH_PROVIDER is {search_provider!r}, which cannot be used",
            hint=f"set it to one of {', '.join(PROVIDERS)}",
        )
    provider = search_provider or (file or Search()).provider
    variable = KEY_VARIABLES.get(provider)
    search_api_key = given(environ, "DEEPSEEK_SEARCH_API_KEY")
    key = search_api_key or (given(environ, variable) if variable else None)
    saved = file if file is not None and file.provider == provider else Search()
    secret = Secret(key) if key else saved.api_key
    return Search(provider=provider, api_key=secret if variable else None, url=saved.url)


def search_problem(search: Search) -> str | None:
    """Why searching cannot work with this service, in words for people; None when nothing speaks against it."""
    if search.provider == "searxng":
        return None if search.url else "searxng needs search.url, the address of your instance"
    if search.provider in KEY_VARIABLES and search.api_key is None:
        return f"{search.provider} needs a key: set {KEY_VARIABLES[search.provider]} or search.api_key"
    return None
