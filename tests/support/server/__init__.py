"""A TAP and DataLink server on loopback, for tests and measurements."""
