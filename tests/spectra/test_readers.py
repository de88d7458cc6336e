import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellarnb.errors import GridMismatch, InvalidInput, StellarnbError, TooLarge
from stellarnb.spectra import Instrument, get_instrument, read, readers
from stellarnb.spectra.readers import unpack

XP = get_instrument("gaia-xp").wavelength
RVS = get_instrument("gaia-rvs").wavelength
SOURCE = 5937083312263887616
ECHELLE = Instrument.custom("echelle", 100_000)
HTML = b"<!DOCTYPE html><html><head><title>Archive &amp; maintenance</title></head>soon</html>"

Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write bytes under a name that tells nothing."""

    def write(data: bytes, name: str = "spectrum.dat") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


TWO_STARS = (
    "csv-individual",
    "csv-raw",
    "votable-raw",
    "votable-raw-binary",
    "fits-raw",
    "fits-raw-variable",
)


@pytest.mark.parametrize("kind", TWO_STARS)
def test_tables_of_several_stars_become_rows(kind: str, samples, save: Save) -> None:
    spectra = read(save(samples[kind]))
    assert spectra.instrument.id == "gaia-xp"
    assert spectra.ids.tolist() == [SOURCE, 7]
    assert spectra.names is None
    np.testing.assert_allclose(spectra.wavelength.value, XP)
    np.testing.assert_allclose(spectra.flux[0], 1 + 0.1 * np.sin(np.arange(343) / 9), rtol=1e-6)
    assert spectra.error is not None
    np.testing.assert_allclose(spectra.error, 0.02)
    if kind != "csv-individual":
        np.testing.assert_allclose(spectra.flux[1], 2 * spectra.flux[0])


@pytest.mark.parametrize("kind", ["ecsv", "fits-individual"])
def test_the_identifier_is_found_in_the_header(kind: str, samples, save: Save) -> None:
    spectra = read(save(samples[kind]))
    assert (spectra.instrument.id, spectra.ids.tolist()) == ("gaia-xp", [SOURCE])


def test_the_identifier_is_found_in_datalinks_file_name(samples, save: Save) -> None:
    path = save(samples["votable-individual"], f"XP_SAMPLED-Gaia DR3 {SOURCE}.xml")
    assert read(path).ids.tolist() == [SOURCE]


def test_rave_errors_are_fractions_of_the_flux(samples, save: Save) -> None:
    for kind in ("rave", "gzip"):
        spectra = read(save(samples[kind]))
        spectra.check_grid(get_instrument("rave"))
        assert spectra.names is not None
        assert spectra.names.tolist() == ["20030411_1507m23_001"]
        assert spectra.error is not None
        np.testing.assert_allclose(spectra.error, 0.1)


@pytest.mark.parametrize("kind", ["apstar", "aspcapstar"])
def test_apogee_gives_the_combined_spectrum_without_gaps(kind: str, samples, save: Save) -> None:
    spectra = read(save(samples[kind]))
    spectra.check_grid(get_instrument("apogee"))
    assert spectra.names is not None
    assert spectra.names.tolist() == ["2M00000002+7417074"]
    assert (spectra.ids.tolist(), spectra.provenance["rows_without_source_id"]) == ([0], 1)
    masked = np.flatnonzero(spectra.mask[0]).tolist()
    assert masked == [*range(50), *([100] if kind == "apstar" else [])]
    np.testing.assert_allclose(spectra.flux[0, 50:], 1.0)


def test_the_four_arms_of_galah_are_put_together(samples, tmp_path: Path) -> None:
    def arm(number: int) -> Path:
        start, step = {1: (4712.9, 0.0461), 3: (6477.9, 0.0633)}[number]
        path = tmp_path / f"140205002101001{number}.fits"
        with fits.open(io.BytesIO(samples["galah"])) as hdus:
            for hdu in hdus:
                hdu.header["CRVAL1"], hdu.header["CDELT1"] = start, step
            hdus.writeto(path)
        return path

    spectra = read([arm(3), arm(1)])
    wavelength = spectra.wavelength.value
    spectra.check_grid(get_instrument("galah"))
    assert spectra.names is not None
    assert spectra.names.tolist() == ["140205002101001"]
    used = ~spectra.mask[0]
    assert used[(wavelength > 4714) & (wavelength < 4740)].all()
    assert used[(wavelength > 6479) & (wavelength < 6515)].all()
    assert not used[(wavelength > 5000) & (wavelength < 6400)].any()
    assert not used[wavelength > 6520].any()
    np.testing.assert_allclose(spectra.flux[0, used], 1.0, rtol=1e-6)
    assert spectra.error is not None
    assert 0.015 < np.median(spectra.error[0, used]) < 0.03
    with pytest.raises(InvalidInput, match="given twice"):
        read([arm_path := tmp_path / "1402050021010011.fits", arm_path])


def test_giraffe_spectra_know_their_setup_and_medium(samples, save: Save) -> None:
    spectra = read(save(samples["ges"]))
    assert spectra.instrument.id == "giraffe-hr15n"
    assert spectra.names is not None
    assert spectra.names.tolist() == ["21295872+1208321"]
    assert spectra.wavelength.value[0] == pytest.approx(6450.5)


def test_an_image_needs_an_instrument_and_keeps_its_medium(samples, save: Save) -> None:
    path = save(samples["image"])
    with pytest.raises(InvalidInput, match="instrument="):
        read(path)
    spectra = read(path, ECHELLE)
    np.testing.assert_allclose(spectra.wavelength.value, 6000 + 0.1 * np.arange(500))
    assert spectra.snr_estimated
    in_vacuum = read(path, Instrument.custom("echelle", 100_000, unit="nm", medium="vacuum"))
    assert in_vacuum.wavelength.value[0] == pytest.approx(600.0 + 0.16616, abs=1e-4)


def test_a_bundle_is_read_whole_and_in_order(samples, save: Save) -> None:
    assert read(save(samples["zip"])).ids.tolist() == [SOURCE, 7, SOURCE, 7]


def test_files_must_share_a_grid(samples, tmp_path: Path) -> None:
    paths = []
    for name, start in (("a.fits", 6000.0), ("b.fits", 6000.05)):
        with fits.open(io.BytesIO(samples["image"])) as hdus:
            hdus[0].header["CRVAL1"] = start
            hdus.writeto(tmp_path / name)
        paths.append(tmp_path / name)
    with pytest.raises(GridMismatch, match=r"b\.fits"):
        read(paths, ECHELLE)


def test_two_products_are_told_apart_by_the_instrument(samples, save: Save, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("rvs.csv", _rvs_csv())
        archive.writestr("xp.csv", samples["csv-raw"])
    path = save(stream.getvalue())
    with pytest.raises(InvalidInput, match="gaia-rvs and gaia-xp"):
        read(path)
    assert len(read(path, "gaia-xp")) == 2
    assert read(path, "gaia-rvs").instrument.id == "gaia-rvs"
    with pytest.raises(InvalidInput, match="gaia-xp spectra"):
        read(save(samples["csv-raw"]), "gaia-rvs")


def _rvs_csv() -> str:
    rows = [f"{SOURCE},{w:.2f},{'NaN' if i < 3 else 1.0},0.01" for i, w in enumerate(RVS)]
    return "source_id,wavelength,flux,flux_error\n" + "\n".join(rows)


def test_nan_at_the_edges_stays_masked(save: Save) -> None:
    spectra = read(save(_rvs_csv().encode()))
    assert np.flatnonzero(spectra.mask[0]).tolist() == [0, 1, 2]


def test_real_rvs_spectra(shared_data: Path) -> None:
    paths = sorted((shared_data / "gaia_rvs_spectra").glob("*.csv"))
    spectra = read(paths)
    spectra.check_grid(get_instrument("gaia-rvs"))
    assert 2052747119115620352 in spectra.ids.tolist()
    assert len(spectra) == 3
    assert (spectra.snr > 80).all()
    assert 0 < spectra.mask.sum() < 40


def test_real_bundles_of_datalink_agree_whatever_the_format(shared_data: Path) -> None:
    folder = shared_data / "gaia_datalink_astroquery"
    bundles = [read(path) for path in sorted(folder.glob("*_dl_products_*.zip"))]
    assert len(bundles) == 4
    for spectra in bundles:
        spectra.check_grid(get_instrument("gaia-xp"))
        assert spectra.ids.tolist() == [SOURCE]
        np.testing.assert_array_equal(spectra.flux, bundles[0].flux)
        assert len(spectra.provenance["skipped"]) == 2


def test_real_raw_xp_agrees_with_gaiaxpy(shared_data: Path) -> None:
    folder = shared_data / "gaia_xp_gaiaxpy"
    ours = read(folder / "XP_SAMPLED_RAW_dr3int6.csv")
    theirs = read(folder / "calibrator_solution_default.csv")
    # The archive rounds to seven digits, and this file was made with an earlier set of bases.
    np.testing.assert_allclose(ours.flux, theirs.flux, rtol=2e-3)


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits", "xml"])
def test_coefficients_are_refused_with_the_way_out(ending: str, shared_data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gaiaxpy\.calibrate"):
        read(shared_data / "gaia_xp_gaiaxpy" / f"XP_CONTINUOUS_RAW.{ending}")


def test_real_harps_spectra_go_to_hr15n(shared_data: Path) -> None:
    sun = read(
        shared_data / "optical_spectra" / "Sun_HARPS.fits", Instrument.custom("HARPS", 115_000)
    )
    out = sun.to_instrument("giraffe-hr15n")
    assert not out.mask.any()
    assert out.wavelength_check().ok


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (HTML, "'Archive & maintenance'"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x00\x01\x02\x03" * 50, "neither"),
        (b"just words", "neither"),
        (b"<?xml version='1.0'?><kml/>", "no VOTable"),
        (b"a,b\n1,2\n", "no column of flux"),
        (b"source_id,wavelength,flux\n1.5e18,336.0,1\n", "damaged"),
        (b"source_id,wavelength,flux\n,336.0,1\n", "source_id is missing"),
        (b"source_id,wavelength,flux\n1,336.0,1\n1,338.0,1\n2,336.0,1\n", "rows are missing"),
        (b"wavelength,flux\n", "empty"),
        (b"PK\x05\x06" + b"\x00" * 18, "no file"),
    ],
)
def test_what_is_no_spectrum_is_refused_by_name(data: bytes, message: str, save: Save) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read(save(data))
    assert "spectrum.dat" in str(caught.value)


def test_paths_that_are_no_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "none.csv", "Cannot read"),
        (tmp_path, "folder"),
        (tmp_path / "pipe", "no plain file"),
        ("https://example.org/a.fits", "download"),
        ("a\0b", "Cannot read"),
    ):
        with pytest.raises(InvalidInput, match=message):
            read(path)
    for nothing in ([], None, [1]):
        with pytest.raises(InvalidInput, match="path"):
            read(nothing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"<VOTABLE", b'<!DOCTYPE x [<!ENTITY a "b">]><VOTABLE'), "document type"),
        ((b"<STREAM ", b'<STREAM href="file:///etc/passwd" '), "another address"),
        ((b"<TABLE>", b'<TABLE nrows="900000000000">'), "more data"),
    ],
)
def test_a_votable_cannot_reach_beyond_itself(change, message, samples, save: Save) -> None:
    data = samples["votable-raw-binary"]
    assert change[0] in data
    with pytest.raises(InvalidInput, match=message):
        read(save(data.replace(*change, 1)))


def test_an_archives_own_error_is_passed_on(save: Save) -> None:
    data = (
        b'<VOTABLE version="1.3"><RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">'
        b"Pool empty</INFO></RESOURCE></VOTABLE>"
    )
    with pytest.raises(InvalidInput, match="Pool empty"):
        read(save(data))


def test_bombs_are_not_unpacked(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_BYTES", 100_000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.csv", b"0" * 5_000_000)
    assert len(stream.getvalue()) < 100_000
    with pytest.raises(TooLarge, match=r"zeros\.csv"):
        read(save(stream.getvalue()))
    with pytest.raises(TooLarge):
        read(save(b"x" * 100_001))


def test_a_table_whose_cells_share_bytes_is_refused(samples, save: Save) -> None:
    with fits.open(io.BytesIO(samples["fits-raw-variable"])) as hdus:
        start = hdus[1].fileinfo()["datLoc"]
    data = bytearray(samples["fits-raw-variable"])
    data[start + 8 : start + 12] = (2_000_000).to_bytes(4, "big")
    with pytest.raises(InvalidInput, match="more data than the file has"):
        read(save(bytes(data)))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.8])
@pytest.mark.parametrize(
    "kind", ["csv-individual", "votable-raw-binary", "fits-raw", "rave", "zip", "gzip"]
)
def test_a_file_that_was_cut_short_is_noticed(kind: str, keep: float, samples, save: Save) -> None:
    with pytest.raises(InvalidInput, match=r"spectrum\.dat"):
        read(save(samples[kind][: int(len(samples[kind]) * keep)]))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=st.lists(st.integers(2**32, 2**63 - 1), min_size=1, max_size=4),
    flux=hnp.arrays(np.float32, (4, 343), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
)
def test_no_digit_of_an_identifier_or_a_flux_is_lost(ids, flux, save: Save) -> None:
    rows = [f'{i},"({", ".join(str(v) for v in row)})"' for i, row in zip(ids, flux, strict=False)]
    spectra = read(save(("source_id,flux\n" + "\n".join(rows)).encode()))
    assert spectra.ids.tolist() == ids
    np.testing.assert_array_equal(spectra.flux, flux[: len(ids)])


def _mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, insert, repeat or drop; half of it in the first part, where headers are."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        reach = min(len(out), 6000) if rng.random() < 0.5 else len(out)
        at = int(rng.integers(0, max(reach, 1)))
        size = int(rng.integers(1, 40))
        action = rng.integers(0, 6)
        if action == 0:
            for i in range(at, min(at + size, len(out)), 3):
                out[i] ^= 1 << int(rng.integers(0, 8))
        elif action == 1:
            del out[at:]
        elif action == 2:
            out[at:at] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
        elif action == 3:
            out[at:at] = out[at : at + size]
        elif action == 4:
            del out[at : at + size]
        else:
            out[at : at + 1] = bytes([b"0123456789-.eE'\"<>,() NaTF\n"[int(rng.integers(0, 27))]])
    return bytes(out)


KINDS = (
    *(
        "csv-individual",
        "csv-raw",
        "ecsv",
        "votable-individual",
        "votable-raw",
        "votable-raw-binary",
    ),
    *("fits-individual", "fits-raw", "fits-raw-variable", "apstar", "aspcapstar", "rave", "galah"),
    *("ges", "image", "zip", "gzip"),
)
#: Samples of one reader share its 2,000 mutations.
SHARE = dict.fromkeys(KINDS[:6], 3) | dict.fromkeys(("apstar", "aspcapstar", "zip", "gzip"), 2)
SHARE |= dict.fromkeys(("fits-individual", "fits-raw", "fits-raw-variable", "ges"), 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_never_raises_anything_but_a_named_error(
    kind, samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng([KINDS.index(kind), 2024])
    for number in range(2000 // SHARE.get(kind, 1) + 1):
        data = _mutate(samples[kind], rng)
        # Straight from memory: writing the file would take longer than reading it.
        monkeypatch.setattr(readers, "load", lambda path, data=data: data)
        try:
            spectra = read("spectrum.dat", ECHELLE if kind == "image" else None)
        except StellarnbError:
            continue
        except Exception as error:  # noqa: BLE001 - the number tells which mutation it was
            pytest.fail(f"{kind} mutation {number}: {type(error).__name__}: {error}")
        used = spectra.flux[~spectra.mask]
        assert np.isfinite(used).all()
