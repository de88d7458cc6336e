"""Prepare what a diagram shows: stars, panels, rasters, style."""
