"""Weights: read, fetched and converted, never from pickle."""
