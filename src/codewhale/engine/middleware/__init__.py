"""Policies that the loop asks, one file each."""
