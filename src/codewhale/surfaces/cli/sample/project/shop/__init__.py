"""Prices for a small shop."""
