"""Rules that select stars."""
