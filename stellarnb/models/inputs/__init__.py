"""Inputs of the networks: pixels, scalars, and their scaling."""
