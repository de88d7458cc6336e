"""Positions and velocities in the Galaxy."""
