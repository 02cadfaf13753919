"""The cheap look at a workspace must not miss anything that the thorough one finds."""

from codewhale.runtime.vouching import TOPS
from codewhale.workspace.trust.surfaces import OURS, SKILLS


def test_what_is_looked_for_first_covers_every_surface() -> None:
    assert set(TOPS) == {path.split("/")[0] for path in (*OURS, *SKILLS)}
