"""The agent loop: turn, step, call, requests, recovery. It stays small; policies of the loop are middleware."""
