import ssl
from pathlib import Path

import pytest

from codewhale.llm.transport.tls import prepare, tls_context


def test_what_was_made_ahead_is_handed_out_once() -> None:
    prepare(None)
    contexts = [tls_context(None), tls_context(None)]
    assert contexts[0] is not contexts[1]
    assert {(c.verify_mode, c.check_hostname, c.minimum_version) for c in contexts} == {
        (ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2)
    }


@pytest.mark.parametrize("ahead", [False, True])
def test_an_unreadable_file_is_told_to_who_connects(tmp_path: Path, *, ahead: bool) -> None:
    missing = str(tmp_path / "none.pem")
    if ahead:
        prepare(missing)
    with pytest.raises(FileNotFoundError):
        tls_context(missing)
