"""Kinds of models: what is special to each."""
