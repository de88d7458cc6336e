"""The chemical map."""
