"""OpenAI Responses at one endpoint: its codec."""

from codewhale.domain.messages import ModelRequest
from codewhale.llm.dialects.posting import Codec
from codewhale.llm.dialects.responses_decode import ResponsesDecoder
from codewhale.llm.dialects.responses_encode import encode, replayed_chars
from codewhale.llm.errors import Endpoint
from codewhale.llm.quirks import Quirks


def codec(endpoint: Endpoint, quirks: Quirks) -> Codec:
    """Responses as this endpoint wants it."""

    def decoder(request: ModelRequest) -> ResponsesDecoder:
        return ResponsesDecoder(endpoint, request.model, replayed_chars=replayed_chars(request, quirks))

    return Codec(encode=lambda request: encode(request, quirks), decoder=decoder)
