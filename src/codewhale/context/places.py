"""Where a workspace keeps what people wrote for agents. Apart, so that looking whether there is any loads nothing."""

IN_WORKSPACE = (".agents/skills", "skills", ".codewhale/skills", ".opencode/skills", ".claude/skills", ".cursor/skills")
"""Where a workspace has its skills, in the order in which they are looked at: of two with one name the first counts."""
