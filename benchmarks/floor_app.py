"""The floor of the server: an empty application on the same HTTP stack. `python floor_app.py PORT`."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def health(_request):
    """The one thing it can say."""
    return JSONResponse({"status": "ok"})


uvicorn.run(Starlette(routes=[Route("/health", health)]), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
