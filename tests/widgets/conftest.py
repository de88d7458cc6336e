import gc
import threading

import numpy as np
import psutil
import pytest
from ipywidgets.widgets.widget import _instances

from stellarnb.tables import Labels


@pytest.fixture
def placed():
    """Made-up stars with places, S/N and flags; the first one has none."""
    rng = np.random.default_rng(11)
    n = 800
    columns = {
        "source_id": np.arange(n) + 10,
        "teff": rng.normal(4700, 350, n),
        "logg": rng.normal(2.4, 0.5, n),
        "m_h": rng.normal(-0.2, 0.3, n),
        "alpha_m": rng.normal(0.1, 0.08, n),
        "snr": rng.uniform(15, 150, n),
        "R": rng.uniform(3, 15, n),
        "Z": rng.normal(0, 0.8, n),
        "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-80, 80, n),
        "teff_error": rng.uniform(30, 90, n),
        "teff_flag": rng.random(n) < 0.1,
        "m_h_flag": rng.random(n) < 0.1,
    }
    columns["R"][0] = columns["Z"][0] = np.nan
    columns["good"] = ~columns["teff_flag"]
    return Labels(columns, provenance={"model": "net", "mock": True})


@pytest.fixture
def leaves_nothing():
    """Open and close a widget 100 times: no thread or comm is left, memory grows by 5 % at most."""

    def check(open_close, *, cycles=100, warm=20):
        for _ in range(warm):
            open_close()
        before = _left()
        for _ in range(cycles):
            open_close()
        after = _left()
        assert after["threads"] == before["threads"]
        assert after["comms"] == before["comms"]
        assert after["objects"] <= 1.05 * before["objects"]
        assert after["bytes"] <= 1.05 * before["bytes"]

    return check


def _left():
    gc.collect()
    return {
        "threads": set(threading.enumerate()),
        "comms": set(_instances),
        "objects": len(gc.get_objects()),
        "bytes": psutil.Process().memory_info().rss,
    }
