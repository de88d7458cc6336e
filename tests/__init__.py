"""The tests of stellarnb."""
