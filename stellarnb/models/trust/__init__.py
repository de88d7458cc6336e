"""Errors, training limits and novelty."""
