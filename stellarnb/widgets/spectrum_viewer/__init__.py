"""The spectrum viewer."""
