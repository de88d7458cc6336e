"""The recipe of the hybrid networks."""
