"""Live Bokeh figures in a notebook."""
