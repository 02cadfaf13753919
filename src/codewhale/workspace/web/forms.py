"""The forms in which content can be had. Apart from the code that makes them, which is large to import."""

from typing import Literal

Format = Literal["markdown", "text", "raw"]
