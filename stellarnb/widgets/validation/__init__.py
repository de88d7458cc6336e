"""Labels against references."""
