"""The published HTTP and SSE API."""
