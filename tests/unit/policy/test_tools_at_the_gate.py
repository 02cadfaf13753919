"""Every tool tells the gate what it would touch: a tool that takes a path names it, one that runs programs gives the command."""

import pytest

from codewhale.tools.registry import ENTRIES, find

BY_ID = frozenset({"exec_shell_cancel"})
"""Acts on a program that was decided on when it was started."""

BY_MODEL = frozenset({"image_analyze"})
"""Reaches the model of the settings and nothing else."""


@pytest.mark.parametrize("name", ENTRIES)
def test_the_gate_gets_to_know_what_a_call_is_about(name: str) -> None:
    tool = find(name)
    assert tool is not None
    fields = set(tool.arguments.__struct_fields__)
    if fields & {"path", "paths", "source_path", "output_path"}:
        assert tool.paths is not None
    if "execute" in tool.effects and name not in BY_ID:
        assert tool.command is not None
    if "network" in tool.effects and name not in BY_MODEL:
        assert tool.hosts is not None
    if tool.effects & {"write", "execute"}:
        assert tool.default != "allow"
