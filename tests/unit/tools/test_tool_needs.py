"""What `codewhale doctor` says of tools whose program is missing."""

from pathlib import Path

from codewhale.runtime.tool_needs import lacking


def test_a_tool_needs_one_of_its_programs(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\n")
    (tmp_path / "python").chmod(0o755)
    missing = lacking({"PATH": str(tmp_path)})
    assert "code_execution" not in missing
    assert missing["image_ocr"] == ("tesseract",)
    assert missing["pandoc_convert"] == ("pandoc",)
