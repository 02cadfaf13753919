"""Doubles and conformance kits, shipped so that others can test against the same promises."""
