"""TOML and environment to one frozen Settings; the only reader of os.environ."""
