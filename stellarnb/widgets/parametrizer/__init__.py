"""The parametrizer."""
