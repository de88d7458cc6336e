"""FITS files laid out alike are read as astropy reads them, only sooner."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stellarnb.spectra import get_instrument
from stellarnb.spectra.readers import fits_repeats
from stellarnb.spectra.readers.fits import read_fits
from stellarnb.spectra.readers.fits_repeats import Repeats

# As in `read`: libraries warn of what a file does not keep to.
pytestmark = pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
WAVE = get_instrument("gaia-rvs").wavelength


def file(star: int, level: float = 1.0, more: fits.BinTableHDU | None = None, **cards) -> bytes:
    flux = np.full(len(WAVE), level, np.float32)
    flux[:3] = np.nan
    table = Table({"wavelength": WAVE, "flux": flux, "flux_error": 0.1 * flux})
    table["wavelength"].unit = "nm"
    hdu = fits.table_to_hdu(table)
    hdu.header.update({"SOURCEID": str(star), "DATE-HDU": "2024-05-28", **cards})
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu, *([more] if more else [])]).writeto(stream)
    return stream.getvalue()


def same(mine, theirs) -> None:
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        assert (a.unit, a.medium, a.instrument, a.names, a.mask) == (
            *(b.unit, b.medium, b.instrument, b.names),
            b.mask,
        )
        for name in ("source_id", "wavelength", "flux", "error"):
            one, other = getattr(a, name), getattr(b, name)
            if one is None or other is None:
                assert one is other
                continue
            assert one.dtype == other.dtype
            assert one.tobytes() == other.tobytes()


@pytest.fixture
def slow(monkeypatch):
    """The files that astropy had to read."""
    read: list[str] = []

    def watched(data: bytes, label: str) -> object:
        read.append(label)
        return read_fits(data, label)

    monkeypatch.setattr(fits_repeats, "read_fits", watched)
    return read


def test_the_first_tells_how_the_others_are_laid_out(slow):
    bodies = [file(star, star / 10, **{"DATE-HDU": f"2024-05-{star}"}) for star in (11, 12, 2**62)]
    reader = Repeats()
    for body in bodies:
        same(reader.read(body, "x.fits"), read_fits(body, "x.fits"))
    assert len(slow) == 1


@pytest.mark.parametrize(
    "other",
    [
        file(12).replace(b"'nm ", b"'pm "),
        file(12, INSTRUME="GIRAFFE"),
        file(12, TUCD1="em.wl;obs.atmos"),
        file(12, more=fits.table_to_hdu(Table({"wavelength": WAVE, "flux": WAVE}))),
        file(12, TSCAL2=2.0),
        file(12)[:-2880],
        file(12).replace(b"SOURCEID", b"SOMEBODY"),
    ],
    ids=["unit", "instrument", "air", "two tables", "scaled", "cut short", "nameless"],
)
def test_a_file_that_differs_is_read_by_astropy(slow, other):
    reader = Repeats()
    reader.read(file(11), "first")
    reader.read(file(11), "again")
    try:
        expected = read_fits(other, "other")
    except Exception as error:  # noqa: BLE001
        with pytest.raises(type(error)):
            reader.read(other, "other")
    else:
        assert len(reader.read(other, "other")) == len(expected)
    assert slow == ["first", "other"]


@pytest.mark.parametrize("cards", [{"TSCAL2": 2.0}, {"TNULL1": 5}, {"TUCD1": "obs.atmos"}])
def test_what_needs_astropy_is_never_remembered(slow, cards):
    reader = Repeats()
    for star in (11, 12):
        body = file(star, **cards)
        same(reader.read(body, "x"), read_fits(body, "x"))
    assert len(slow) == 2


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9)), max_size=3))
@example([(0.4765625, b"!")])  # behind the value of SOURCEID
@example([(0.455078125, b" ")])  # in the name of the errors' column
@example([(0.47265625, b"\0")])  # in the keyword SOURCEID
def test_a_broken_file_is_what_astropy_makes_of_it(changes):
    reader, body = Repeats(), bytearray(file(12, 0.5))
    reader.read(file(11), "first")
    for where, fill in changes:
        # In the headers, which take up the first 8640 bytes.
        at = int(where * 8640)
        body[at : at + len(fill)] = fill
    try:
        expected = read_fits(bytes(body), "x")
    except Exception:  # noqa: BLE001 - what a damaged file makes of a library
        with pytest.raises(Exception):  # noqa: B017, PT011
            reader.read(bytes(body), "x")
    else:
        same(reader.read(bytes(body), "x"), expected)
