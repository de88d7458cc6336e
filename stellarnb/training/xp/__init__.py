"""The recipe of ``xp-apogee``."""
