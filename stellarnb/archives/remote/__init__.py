"""Archives that are queried over the network."""
