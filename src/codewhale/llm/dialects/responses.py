"""OpenAI Responses at one endpoint: its codec."""

from codewhale.domain.messages import ModelRequest
from codewhale.llm.dialects.posting import Codec
from codewhale.llm.dialects.responses_decode import ResponsesDecoder
from codewhale.llm.dialects.responses_encode import DIALECT, encode
from codewhale.llm.dialects.seals import sealed_chars
from codewhale.llm.errors import Endpoint
from codewhale.llm.quirks import Quirks


def codec(endpoint: Endpoint, quirks: Quirks) -> Codec:
    """Responses as this endpoint wants it."""

    def decoder(request: ModelRequest) -> ResponsesDecoder:
        return ResponsesDecoder(
            endpoint, request.model, replayed_chars=sealed_chars(request.messages, DIALECT, request.model)
        )

    return Codec(encode=lambda request: encode(request, quirks), decoder=decoder)
