"""Keys that are kept: who may read the file, which address a key goes to, and in which order places are looked at."""

import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from codewhale.config.credentials import FileCredentials, Stored, credentials_of
from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.config.routes import route_for
from codewhale.config.settings import Secret, Settings
from codewhale.domain.errors import ConfigError
from codewhale.runtime.redaction import redactor_of

KEY = Stored(key=Secret("sk-kept-0123456789"), endpoint="https://api.deepseek.com")


def kept(home: Path) -> FileCredentials:
    return FileCredentials(str(home / "secrets/secrets.json"))


def loaded(home: Path, toml: str = "", base_url: str | None = None, **env: str) -> Settings:
    (home / "config.toml").write_text(toml)
    over = Overrides(layer=Layer(base_url=base_url))
    return load(over, environ={"CODEWHALE_HOME": str(home), **env}, system=str(home / "etc"))


def test_a_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    store = kept(tmp_path)
    store.save("deepseek", KEY)
    store.save("openai", Stored(key=Secret("sk-o")))
    file = tmp_path / "secrets/secrets.json"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]
    assert [entry.name for entry in file.parent.iterdir()] == ["secrets.json"]
    again = kept(tmp_path)
    assert (again.names(), again.get("deepseek")) == (["deepseek", "openai"], KEY)
    assert (again.clear("openai"), again.clear("openai"), again.names()) == (True, False, ["deepseek"])


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_an_error(tmp_path: Path, mode: int) -> None:
    kept(tmp_path).save("deepseek", KEY)
    (tmp_path / "secrets/secrets.json").chmod(mode)
    with pytest.raises(ConfigError, match=f"has mode 0{mode:o}") as refused:
        loaded(tmp_path)
    assert "chmod 600" in str(refused.value.hint)


@pytest.mark.parametrize("text", ["sk-oh-no", '{"keys": {"a": {"key": 1}}}', '{"keys": {"a": {"key": ""}}}', "[]"])
def test_a_file_that_cannot_be_understood_is_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        FileCredentials(str(file)).names()
    assert "sk-oh-no" not in refused.value.in_full()


def test_a_flat_file_of_an_earlier_program_is_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"openai": "sk-old"}')
    file.chmod(0o600)
    assert FileCredentials(str(file)).get("openai") == Stored(key=Secret("sk-old"))


def test_the_file_comes_first_then_kept_keys_then_the_environment(tmp_path: Path) -> None:
    def found(toml: str = "", **env: str) -> tuple[str, str]:
        route = loaded(tmp_path, toml, **env).route
        return (route.api_key.reveal() if route.api_key else ""), route.api_key_source

    assert found() == ("", "missing")
    assert found(DEEPSEEK_API_KEY="sk-env") == ("sk-env", "env")
    kept(tmp_path).save("deepseek", KEY)
    assert found(DEEPSEEK_API_KEY="sk-env") == ("sk-kept-0123456789", "keyring")
    assert found('api_key = "sk-file"', DEEPSEEK_API_KEY="sk-env") == ("sk-file", "config")


def test_a_kept_key_goes_to_no_other_address(tmp_path: Path) -> None:
    kept(tmp_path).save("deepseek", KEY)
    mine = "https://mine.example/v1"
    assert loaded(tmp_path, DEEPSEEK_BASE_URL=mine).route.api_key is None
    assert loaded(tmp_path, f'base_url = "{mine}"').route.api_key is None
    assert loaded(tmp_path, base_url=mine).route.api_key is None
    assert loaded(tmp_path, base_url="https://api.deepseek.com/v1").route.api_key == KEY.key
    assert loaded(tmp_path, DEEPSEEK_BASE_URL=mine, DEEPSEEK_API_KEY="sk-env").route.api_key == Secret("sk-env")


def test_headers_of_the_file_stay_with_its_address_too(tmp_path: Path) -> None:
    toml = 'http_headers = { X-Team = "t" }\n'
    assert loaded(tmp_path, toml).route.http_headers == {"X-Team": "t"}
    assert loaded(tmp_path, toml, DEEPSEEK_BASE_URL="https://mine.example").route.http_headers == {}
    said = loaded(tmp_path, DEEPSEEK_BASE_URL="https://mine.example", DEEPSEEK_HTTP_HEADERS="X-Team=u, X-B = c")
    assert said.route.http_headers == {"X-Team": "u", "X-B": "c"}


def test_a_provider_that_only_has_a_kept_key_is_ready_for_a_thread(tmp_path: Path) -> None:
    kept(tmp_path).save("openai", Stored(key=Secret("sk-o"), endpoint="https://api.openai.com"))
    assert route_for(loaded(tmp_path), "openai").api_key == Secret("sk-o")


def test_no_kept_key_gets_into_what_is_recorded(tmp_path: Path) -> None:
    kept(tmp_path).save("openai", Stored(key=Secret("plain words as a key"), endpoint="https://elsewhere.example"))
    (tmp_path / ".env").write_text("MY_TOKEN = 'hush hush hush'\nDEEPSEEK_MODEL=some-model\n")
    settings = loaded(tmp_path)
    text = redactor_of(settings, {})(b'"plain words as a key, hush hush hush, some-model"')
    assert b"plain words" not in text
    assert b"hush" not in text
    assert b"some-model" in text


class Keyring(ModuleType):
    """What the library `keyring` offers, in memory; `locked` makes it fail as a locked one does."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.errors = ModuleType("keyring.errors")
        self.KeyringError = type("KeyringError", (Exception,), {})
        self.errors.__dict__["KeyringError"] = self.KeyringError
        self.locked = False

    def _open(self) -> None:
        if self.locked:
            raise self.KeyringError("sk-secret in the message")

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    library = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setitem(sys.modules, "keyring.errors", library.errors)
    return library


SYSTEM = {"DEEPSEEK_SECRET_BACKEND": "system"}


def test_the_systems_keyring_is_used_where_it_is_asked_for(tmp_path: Path, keyring: Keyring) -> None:
    store = credentials_of(SYSTEM)
    store.save("deepseek", KEY)
    assert list(keyring.kept) == [("deepseek", "deepseek")]
    assert loaded(tmp_path, **SYSTEM).route.api_key == KEY.key
    assert loaded(tmp_path).route.api_key is None
    keyring.kept["deepseek", "openai"] = "sk-bare"
    assert store.get("openai") == Stored(key=Secret("sk-bare"))
    assert (store.clear("openai"), store.clear("openai")) == (True, False)


def test_a_keyring_that_cannot_be_used_says_what_to_do(tmp_path: Path, keyring: Keyring) -> None:
    keyring.locked = True
    with pytest.raises(ConfigError, match=r"the system's keyring cannot be used \(KeyringError\)") as refused:
        loaded(tmp_path, **SYSTEM)
    assert "sk-secret" not in refused.value.in_full()
    assert "unset DEEPSEEK_SECRET_BACKEND" in str(refused.value.hint)


def test_a_missing_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="the Python package `keyring` is not installed"):
        loaded(tmp_path, **SYSTEM)


def test_another_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DEEPSEEK_SECRET_BACKEND is 'vault'"):
        loaded(tmp_path, DEEPSEEK_SECRET_BACKEND="vault")
