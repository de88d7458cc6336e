"""The command ``stellarnb``."""
