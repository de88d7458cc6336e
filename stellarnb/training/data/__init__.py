"""Published data to train on."""
