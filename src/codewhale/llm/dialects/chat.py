"""Chat Completions at one endpoint: its codec."""

from codewhale.domain.messages import ModelRequest
from codewhale.llm.dialects.chat_decode import ChatDecoder
from codewhale.llm.dialects.chat_encode import encode, replayed_chars
from codewhale.llm.dialects.posting import Codec
from codewhale.llm.errors import Endpoint
from codewhale.llm.quirks import Quirks


def codec(endpoint: Endpoint, quirks: Quirks) -> Codec:
    """Chat Completions as this endpoint wants it."""

    def decoder(request: ModelRequest) -> ChatDecoder:
        return ChatDecoder(endpoint, replayed_chars=replayed_chars(request, quirks))

    return Codec(encode=lambda request: encode(request, quirks), decoder=decoder)
