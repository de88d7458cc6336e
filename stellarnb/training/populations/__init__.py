"""The stars that the hybrid networks are trained on."""
