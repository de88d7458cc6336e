"""What a diagram shows: stars, panels, rasters, style."""
