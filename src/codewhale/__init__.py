"""codewhale: a local-first runtime for coding agents.

Importing this package loads nothing but this file, so that `codewhale --version` costs one interpreter start.
"""

__version__ = "0.1.0"
