"""A mock survey of the Milky Way."""
