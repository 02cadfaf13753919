"""HTTP for clients: one small port, a direct implementation on asyncio, one on httpx2. Knows nothing of models."""
