"""The environment of child processes, built from an allow-list so that keys and tokens never reach a command.

Pure: from the parent's variables to the child's. A variable is passed on because it is listed here, never because it
looks harmless.
"""

import os
from collections.abc import Mapping

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"

PASSED = frozenset(
    {
        # who and where
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM", "TZ", "LANG", "LANGUAGE"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
        # the way out
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
        # where toolchains live
        *(
            "VIRTUAL_ENV",
            "CONDA_PREFIX",
            "PYENV_ROOT",
            "NVM_DIR",
            "VOLTA_HOME",
            "PNPM_HOME",
            "ASDF_DIR",
            "ASDF_DATA_DIR",
        ),
        *("CARGO_HOME", "RUSTUP_HOME", "GOPATH", "GOROOT", "GOCACHE", "GOMODCACHE", "JAVA_HOME", "MAVEN_HOME"),
        *("GRADLE_HOME", "GRADLE_USER_HOME", "ANDROID_HOME", "SDKMAN_DIR", "DOTNET_ROOT", "GEM_HOME", "GEM_PATH"),
        *("RBENV_ROOT", "PKG_CONFIG_PATH", "LD_LIBRARY_PATH", "NIX_PATH", "NIX_PROFILES"),
    }
)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a command sees of `environ`: the listed names and `LC_*`; `PATH` always has a value."""
    passed = {name: value for name, value in environ.items() if name in PASSED or name.startswith("LC_")}
    passed.setdefault("PATH", DEFAULT_PATH)
    return passed


def program_in(search_path: str, program: str) -> str | None:
    """The absolute path of a program in one of the folders; None where there is none."""
    for folder in search_path.split(os.pathsep):
        path = os.path.join(folder, program)
        if os.path.isabs(path) and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


def shell_in(search_path: str) -> tuple[str, ...]:
    """What runs a shell script given as its last argument: bash without start-up files where there is one, else sh."""
    bash = program_in(search_path, "bash")
    return (bash, "--noprofile", "--norc", "-c") if bash else ("/bin/sh", "-c")
