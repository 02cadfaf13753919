"""`python -m codewhale` is `codewhale`."""

from codewhale.surfaces.cli.main import entry

entry()
