"""The cores of the Ca II triplet, which an active or a double star fills."""

__all__ = ["CA_CORES", "CORE_HALF_WIDTH", "CORE_LIMIT"]

#: Ca II cores (half-width in air [Angstrom]) tell a chromosphere or a second star: by so much more
#: light than in LTE, after two errors, novelty calls a star unlike the synthesis. Kepler-93, which
#: is quiet, has 0.06; an active star 0.27, an unresolved binary 0.20.
CA_CORES, CORE_HALF_WIDTH, CORE_LIMIT = (8498.02, 8542.09, 8662.14), 0.75, 0.12
