"""`[lsp]` of the settings file."""

from pathlib import Path

import pytest

from codewhale.config.load import Overrides, load
from codewhale.domain.errors import ConfigError
from codewhale.domain.language_servers import LspSettings, OwnServer


def lsp(tmp_path: Path, text: str) -> LspSettings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load(Overrides(config=str(file)), environ={"CODEWHALE_HOME": str(tmp_path)}).lsp


def test_everything_can_be_set(tmp_path: Path) -> None:
    text = """
    [lsp]
    poll_after_edit_ms = 0
    max_diagnostics_per_file = 3
    include_warnings = true
    [lsp.servers]
    python = ["pyright-langserver", "--stdio"]
    [lsp.custom.php]
    command = "/opt/php"
    args = ["--stdio"]
    language_id = "php"
    [lsp.custom.odd]
    command = "odd"
    language_id = "odd"
    extensions = [".ODD"]
    """
    assert lsp(tmp_path, text) == LspSettings(
        wait_ms=0,
        max_per_file=3,
        include_warnings=True,
        servers={"python": ("pyright-langserver", "--stdio")},
        custom={
            "php": OwnServer(argv=("/opt/php", "--stdio"), language_id="php", extensions=(".php",)),
            "odd": OwnServer(argv=("odd",), language_id="odd", extensions=(".odd",)),
        },
    )
    assert lsp(tmp_path, "") == LspSettings()
    assert lsp(tmp_path, "[lsp]\nenabled = false\n") == LspSettings(enabled=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[lsp.custom.x]\ncommand = "x"\nlanguage_id = "odd"\n', "nothing says which files are odd"),
        ('[lsp.servers]\npython = ["./node_modules/.bin/x"]\n', "would be another program in every folder"),
        ("[lsp.servers]\npython = []\n", "lsp.servers"),
        ("[lsp]\npoll_after_edit_ms = 60001\n", "lsp.poll_after_edit_ms"),
        ('[lsp.custom.x]\ncommand = "x"\nlanguage_id = "odd"\nextensions = ["odd"]\n', "extensions"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        lsp(tmp_path, text)
