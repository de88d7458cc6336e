import numpy as np
import pytest

from stellarnb import views
from stellarnb.tables import Labels

#: Every view, made of some stars and a reference survey.
MAKERS = {
    "kiel": lambda t, ref: views.kiel(t),
    "tinsley_wallerstein": lambda t, ref: views.tinsley_wallerstein(t),
    "r_z": lambda t, ref: views.r_z(t),
    "x_y": lambda t, ref: views.x_y(t, color_by="alpha_m"),
    "sky": lambda t, ref: views.sky(t),
    "healpix": lambda t, ref: views.healpix(t, order=3, color_by="m_h"),
    "uncertainty": lambda t, ref: views.uncertainty(t),
    "r_z_grid": lambda t, ref: views.r_z_grid(t),
    "mdf": lambda t, ref: views.mdf(t),
    "gradient": lambda t, ref: views.gradient(t, samples=50),
    "validation": views.validation,
}


def pytest_generate_tests(metafunc):
    if "view_name" in metafunc.fixturenames:
        metafunc.parametrize("view_name", MAKERS)


def make_galaxy(n=6000, seed=5, **provenance):
    """Make up two sequences with gradients in R and abs(Z), for drawing."""
    rng = np.random.default_rng(seed)
    high = rng.random(n) < 0.4
    r = rng.uniform(3.0, 15.0, n)
    z = rng.normal(0.0, np.where(high, 0.9, 0.35), n)
    phi = rng.uniform(0.0, 2 * np.pi, n)
    m_h = np.where(high, -0.4, 0.05) - 0.05 * (r - 8.0) - 0.1 * np.abs(z)
    m_h = m_h + rng.normal(0.0, 0.15, n)
    alpha = np.where(high, 0.26, 0.05) - 0.08 * m_h + rng.normal(0.0, 0.025, n)
    teff, snr = rng.normal(4700, 350, n), rng.uniform(15, 150, n)
    columns = {
        "source_id": np.arange(n) + 1,
        "teff": teff,
        "logg": 2.4 + 0.0015 * (teff - 4700) + rng.normal(0, 0.4, n),
        "m_h": m_h,
        "alpha_m": alpha,
        "snr": snr,
        "R": r,
        "Z": z,
        "X": r * np.cos(phi),
        "Y": r * np.sin(phi),
        "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
    }
    for name, scale in (("teff", 900), ("logg", 2.0), ("m_h", 1.2), ("alpha_m", 0.5)):
        columns[f"{name}_error"] = 0.02 + scale / snr / 10
        columns[f"{name}_flag"] = rng.random(n) < 0.02
    columns["good"] = ~(columns["teff_flag"] | columns["m_h_flag"])
    floats = {k: v.astype(np.float32) for k, v in columns.items() if v.dtype == np.float64}
    return Labels(columns | floats, provenance={"model": "net", "mock": True} | provenance)


@pytest.fixture(scope="session")
def galaxy():
    return make_galaxy()


@pytest.fixture(scope="session")
def reference(galaxy):
    """Labels of the first 2000 stars by a survey that sees them a little differently."""
    rng = np.random.default_rng(8)
    some = galaxy.take(slice(0, 2000))
    columns = {name: some[name] for name in ("source_id", "snr")}
    for name, scatter in (("teff", 40.0), ("m_h", 0.05)):
        columns[name] = some[name] + rng.normal(0.1 * scatter, scatter, 2000)
    return columns


@pytest.fixture
def make_view(galaxy, reference):
    """Make a view by its name, of other stars if need be."""
    return lambda name, stars=galaxy: MAKERS[name](stars, reference)
