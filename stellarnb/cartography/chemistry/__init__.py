"""Gradients and the two sequences in [α/M]."""
