"""Which confinement a turn's programs and files get: the policy of its mode and the settings, on its workspace."""

import os

from codewhale.domain.confinement import Confinement, Policy, confinement
from codewhale.runtime.outside import Outside


def confinement_of(policy: Policy, workspace: str, outside: Outside) -> Confinement:
    """The lists for a turn in `workspace`; nothing that a call names can change them."""
    return confinement(policy, os.path.realpath(workspace), outside.processes.home, outside.standing.surface)
