"""The scripted model: answers from a script file, over real HTTP (`server.py`) or in process (`codewhale.testing`).

A product for people who test clients, and what our own tests and demo run against. Nothing of the engine may depend on it.
"""
