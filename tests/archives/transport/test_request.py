"""Real replies of Gaia's archive: the same spectra from every format, and no crash when broken.

They lie beside the repository, and are not in it.
"""

import csv
import importlib.util
import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellarnb.archives.cache.spectra import Piece
from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra.arrow import join
from stellarnb.archives.spectra.datalink import DataLink
from stellarnb.archives.spectra.xp import sampled
from stellarnb.errors import StellarnbError
from stellarnb.spectra import SpectrumSet

#: Not imported to find out: importing it sets matplotlib to LaTeX.
NEEDS_GAIAXPY = pytest.mark.skipif(
    importlib.util.find_spec("gaiaxpy") is None, reason="the extra [xp] is not installed"
)

LINK = DataLink(("http://127.0.0.1:9/",))
STAR = 5937083312263887616
FORMATS = ("fits", "csv", "ecsv", "vot")
RVS = ("Kepler-93", "GaiaDR3-1535964555128078720", "GaiaDR3-3174658066485297152")


def bundle(shared_data: Path, form: str) -> bytes:
    name = f"gaia_dr3_source_id_{STAR}_dl_products_{form}.zip"
    return (shared_data / "gaia_datalink_astroquery" / name).read_bytes()


def raw(shared_data: Path, ending: str) -> bytes:
    return (shared_data / "gaia_xp_gaiaxpy" / f"XP_CONTINUOUS_RAW.{ending}").read_bytes()


def spectra_of(product: str, body: bytes) -> SpectrumSet:
    table = LINK.read(product, body)
    return LINK.assemble(product, [Piece(np.arange(len(table)), table)], {})


def through_the_cache(folder: Path, product: str, body: bytes) -> SpectrumSet:
    """What a user gets after the reply was stored."""
    table = LINK.read(product, body)
    Store(folder).stars.keep("x", table, {})
    shelf = Store(folder).stars
    pieces, _ = shelf.read(shelf.find("x", table["star"].to_numpy()))
    return join(pieces, {})


@cache
def plain_csv(path: Path) -> dict[str, np.ndarray]:
    """A CSV file by Python's own means."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    gone = {"", "null", "NaN", "nan"}
    return {
        name: np.array([np.nan if r[name] in gone else float(r[name]) for r in rows])
        for name in ("wavelength", "flux", "flux_error")
    } | {"source_id": np.array([int(r["source_id"]) for r in rows])}


@pytest.mark.parametrize("name", RVS)
def test_rvs_spectra_are_exact_to_the_bit_and_the_nan(shared_data, tmp_path, name):
    path = shared_data / "gaia_rvs_spectra" / f"{name}.csv"
    expected = plain_csv(path)
    spectra = through_the_cache(tmp_path, "rvs", path.read_bytes())
    assert spectra.source_id.tolist() == np.unique(expected["source_id"]).tolist()
    assert spectra.flux.tobytes() == expected["flux"].astype("<f4").tobytes()
    assert spectra.error.tobytes() == expected["flux_error"].astype("<f4").tobytes()
    assert np.array_equal(spectra.wavelength.value, expected["wavelength"])
    assert spectra.instrument.id == "gaia-rvs"
    spectra.check_grid(spectra.instrument)


def test_some_of_the_real_rvs_spectra_have_nan_at_their_ends(shared_data):
    found = [plain_csv(shared_data / "gaia_rvs_spectra" / f"{name}.csv")["flux"] for name in RVS]
    assert any(np.isnan(flux).any() for flux in found)


def test_rvs_spectra_of_one_answer_come_apart(shared_data, tmp_path):
    bodies = [(shared_data / "gaia_rvs_spectra" / f"{name}.csv").read_bytes() for name in RVS]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as files:
        for name, body in zip(RVS, bodies, strict=True):
            files.writestr(f"RVS-Gaia DR3 {name}.csv", body)
    together = through_the_cache(tmp_path, "rvs", stream.getvalue())
    for row, body in enumerate(bodies):
        alone = spectra_of("rvs", body)
        assert together.source_id[row] == alone.source_id[0]
        assert together.flux[row].tobytes() == alone.flux[0].tobytes()


@pytest.mark.parametrize("form", FORMATS)
def test_sampled_spectra_are_the_same_in_every_format(shared_data, tmp_path, form):
    spectra = through_the_cache(tmp_path, "xp_sampled", bundle(shared_data, form))
    other = spectra_of("xp_sampled", bundle(shared_data, "fits"))
    assert spectra.source_id.tolist() == [STAR]
    assert spectra.flux.shape == (1, 343)
    assert spectra.flux.tobytes() == other.flux.tobytes()
    assert spectra.error.tobytes() == other.error.tobytes()


def test_sampled_spectra_in_raw_form(shared_data):
    body = (shared_data / "gaia_xp_gaiaxpy" / "XP_SAMPLED_RAW_dr3int6.csv").read_bytes()
    spectra = spectra_of("xp_sampled", body)
    assert spectra.flux.shape == (len(spectra), 343)
    assert np.isclose(spectra.flux[0, 0], 3.3061049e-16, rtol=1e-7)


@pytest.mark.parametrize("form", FORMATS)
def test_coefficients_are_the_same_in_every_format(shared_data, form):
    table = LINK.read("xp_continuous", bundle(shared_data, form))
    assert table["star"].to_pylist() == [STAR]
    assert table.equals(LINK.read("xp_continuous", bundle(shared_data, "fits")))
    assert [len(row) for row in table["bp_coefficient_correlations"].to_pylist()] == [1485]


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits", "xml"])
def test_coefficients_in_raw_form_are_the_same_in_every_format(shared_data, ending):
    table = LINK.read("xp_continuous", raw(shared_data, ending))
    assert table.num_rows == 2
    assert table.equals(LINK.read("xp_continuous", raw(shared_data, "fits")))


@NEEDS_GAIAXPY
def test_the_coefficients_give_the_consortiums_own_solution(shared_data):
    path = shared_data / "gaia_xp_gaiaxpy" / "calibrator_solution_default.csv"
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    spectra = spectra_of("xp_continuous", raw(shared_data, "csv"))
    assert spectra.source_id.tolist() == [int(row["source_id"]) for row in rows]
    for name, mine in (("flux", spectra.flux), ("flux_error", spectra.error)):
        theirs = [[float(v) for v in row[name].strip("()").split(",")] for row in rows]
        assert np.allclose(mine, theirs, rtol=2e-7, atol=0)


@NEEDS_GAIAXPY
def test_the_coefficients_of_a_star_give_the_sampled_spectrum_of_the_archive(shared_data):
    ours = spectra_of("xp_continuous", bundle(shared_data, "fits"))
    theirs = spectra_of("xp_sampled", bundle(shared_data, "fits"))
    assert (np.abs(ours.flux - theirs.flux) < 0.01 * theirs.error).all()


@NEEDS_GAIAXPY
def test_a_star_without_bp_keeps_its_rp(shared_data):
    folder = shared_data / "gaia_xp_gaiaxpy"
    body = (folder / "XP_CONTINUOUS_RAW_with_missing_BP.csv").read_bytes()
    table = LINK.read("xp_continuous", body)
    spectra = sampled([Piece(np.array([2, 0, 1]), table)], {})
    assert spectra.source_id.tolist() == np.array(table["star"])[[1, 2, 0]].tolist()
    lost = spectra.mask.sum(axis=1)
    assert (lost > 0).tolist() == [True, False, False]
    red = spectra.wavelength.value > 700
    assert not spectra.mask[:, red].any()
    alone = spectra_of("xp_continuous", raw(shared_data, "csv"))
    row = spectra.source_id.tolist().index(alone.source_id[0])
    assert spectra.flux[row].tobytes() == alone.flux[0].tobytes()


# Broken replies


@cache
def _replies(folder: Path) -> list[tuple[str, bytes]]:
    """Each real reply with what it is, and the files in the bundles by themselves."""
    found = [("rvs", (folder / "gaia_rvs_spectra" / f"{RVS[0]}.csv").read_bytes())]
    found += [("xp_continuous", raw(folder, end)) for end in ("csv", "ecsv", "fits", "xml")]
    for form in FORMATS:
        body = bundle(folder, form)
        found += [("xp_sampled", body), ("xp_continuous", body)]
        with zipfile.ZipFile(io.BytesIO(body)) as files:
            for name in files.namelist():
                product = "xp_continuous" if "CONTINUOUS" in name else "xp_sampled"
                found.append((product, files.read(name)))
    return found


def _broken(body: bytes, changes: list[tuple[float, int, int, bytes]]) -> bytes:
    out = bytearray(body)
    for where, action, size, fill in changes:
        at = int(where * len(out))
        if action == 0:
            out[at : at + 1] = bytes([out[at] ^ 1 << size % 8]) if at < len(out) else b""
        elif action == 1:
            del out[at:]
        elif action == 2:
            out[at:at] = fill
        elif action == 3:
            out[at : at + len(fill)] = fill
        elif action == 4:
            del out[at : at + size]
        else:
            out[at:at] = out[at : at + size]
    return bytes(out)


CHANGES = st.lists(
    st.tuples(
        # The beginning, where the headers are, as often as the rest.
        st.one_of(st.floats(0, 0.1), st.floats(0, 1)),
        st.integers(0, 5),
        st.integers(1, 3000),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from(
                [b"NaN", b"null", b"-1", b"1e999", b'"', b"<", b"(", b",", b"\n", b"9"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(number=st.integers(0, 10**6), changes=CHANGES)
def test_a_broken_reply_never_raises_anything_but_a_named_error(shared_data, number, changes):
    replies = _replies(shared_data)
    product, body = replies[number % len(replies)]
    try:
        table = LINK.read(product, _broken(body, changes))
    except StellarnbError:
        return
    if table is not None and product != "xp_continuous":
        spectra = LINK.assemble(product, [Piece(np.arange(len(table)), table)], {})
        assert np.isfinite(spectra.flux[~spectra.mask]).all()
