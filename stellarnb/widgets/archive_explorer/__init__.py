"""The archive explorer."""
