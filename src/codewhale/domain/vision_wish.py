"""A question about a picture: what a tool asks for and gets."""

from codewhale.domain.wishes import Wish


class LookAtPicture(Wish[str], frozen=True, kw_only=True):
    """The vision model answers `prompt` about the picture (`media_type` such as image/png). Granted with its text."""

    picture: bytes
    media_type: str
    prompt: str
