"""The recipe of the emulators."""
