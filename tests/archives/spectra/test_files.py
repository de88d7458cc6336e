"""Spectra of the surveys that serve files: found, checked, kept, and refused."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra.fetch import fetch_spectra
from stellarnb.archives.spectra.files import SpectraFiles
from stellarnb.archives.spectra.urls import apogee, files_of, gaia_eso, galah, rave
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import ArchiveDown, InvalidInput, MissingInput, StellarnbError
from stellarnb.spectra import SpectrumSet
from tests.support import survey_files as made
from tests.support.archive_server import ArchiveServer, Fault, Limits, archive_server

STUB = (
    '<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
    '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>'
    '<FIELD name="ID" datatype="char" arraysize="*"/>'
    '<FIELD name="access_url" datatype="char" arraysize="*"/>'
    '<FIELD name="semantics" datatype="char" arraysize="*"/>'
    "<DATA><TABLEDATA>{}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
)


class Quick:
    """A clock that does not wait."""

    def now(self) -> float:
        return 0.0

    def wait(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def running() -> Iterator[ArchiveServer]:
    with archive_server(mock_stars=1, limits=Limits(retry_after=0)) as server:
        yield server


@pytest.fixture
def server(running: ArchiveServer) -> Iterator[ArchiveServer]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def get(store: Store):
    def fetch(files: SpectraFiles, stars: object = None, **more: object) -> SpectrumSet:
        more = {"store": store, "progress": False, "transport": Transport(clock=Quick())} | more
        return fetch_spectra(files, files.stars if stars is None else stars, files.product, **more)

    return fetch


ALLSTAR = {
    "TELESCOPE": ["apo25m", "lco25m", "apo25m"],
    "FIELD": ["M67", "293-37-C", "120+12"],
    "APOGEE_ID": ["2M08510723+1153019", "2M03174068-7748459", "2M00000002+7417074"],
    "GAIAEDR3_SOURCE_ID": np.array([604921512005266048, 0, 2**62 + 1]),
}


def apogee_files(server: ArchiveServer, product: str = "apstar") -> SpectraFiles:
    files = apogee(ALLSTAR, product, base=server.files_url)
    kind = "apStar" if product == "apstar" else "aspcapStar"
    for level, target in enumerate(files.targets, start=1):
        path = target.urls[0].removeprefix(f"{server.files_url}/").replace("%2B", "+")
        server.files[path] = made.apogee(kind, target.name, level)
    return files


def test_apogee_addresses_are_those_of_the_sas():
    files = apogee(ALLSTAR, "apstar")
    base = "https://data.sdss.org/sas/dr17/apogee/spectro"
    assert [target.urls[0] for target in files.targets[:2]] == [
        f"{base}/redux/dr17/stars/apo25m/M67/apStar-dr17-2M08510723%2B1153019.fits",
        f"{base}/redux/dr17/stars/lco25m/293-37-C/asStar-dr17-2M03174068-7748459.fits",
    ]
    assert apogee(ALLSTAR).targets[0].urls[0] == (
        f"{base}/aspcap/dr17/synspec_rev1/apo25m/M67/aspcapStar-dr17-2M08510723%2B1153019.fits"
    )
    vizier = {"Tel": ["apo25m"], "Field": ["M67"], "APOGEE": ["2M1"], "GaiaEDR3": [5]}
    assert apogee(vizier).targets[0].source_id == 5


@pytest.mark.parametrize("product", ["apstar", "aspcapstar"])
def test_apogee_spectra_come_with_names_and_gaia_identifiers(get, server, product):
    files = apogee_files(server, product)
    spectra = get(files)
    assert spectra.names.tolist() == ALLSTAR["APOGEE_ID"]
    assert spectra.source_id.tolist() == [604921512005266048, 1, 2**62 + 1]
    assert spectra.provenance["rows_without_source_id"] == 1
    assert np.median(spectra.flux, axis=1).tolist() == [1, 2, 3]
    assert spectra.mask[:, :50].all()
    assert spectra.mask[0, 100] == (product == "apstar")
    assert spectra.instrument.id == "apogee"
    server.log.requests.clear()
    again = get(files, files.stars[::-1], offline=True)
    assert again.names.tolist() == ALLSTAR["APOGEE_ID"][::-1]
    assert again.flux.tobytes() == spectra.flux[::-1].tobytes()
    assert server.log.requests == []


def test_a_file_that_is_not_there_is_a_missing_star(get, server, store):
    files = apogee_files(server)
    server.files.pop(next(name for name in server.files if "M67" in name))
    spectra = get(files)
    assert spectra.names.tolist() == ALLSTAR["APOGEE_ID"][1:]
    assert spectra.missing == (604921512005266048,)
    assert spectra.provenance["missing_names"] == ["apo25m/M67/2M08510723+1153019"]
    asked = len(server.log.requests)
    get(files)
    assert len(server.log.requests) == asked


def test_two_files_of_one_star_are_two_spectra(get, server):
    table = {**ALLSTAR, "APOGEE_ID": ["2M1"] * 3, "TELESCOPE": ["apo25m"] * 3}
    files = apogee(table, "apstar", base=server.files_url)
    for level, target in enumerate(files.targets, start=1):
        path = target.urls[0].removeprefix(f"{server.files_url}/").replace("%2B", "+")
        server.files[path] = made.apogee("apStar", "2M1", level)
    assert np.median(get(files).flux, axis=1).tolist() == [1, 2, 3]


def test_rave(get, server):
    names = ["20030411_1507m23_001", "20100313_0823m14_113"]
    files = rave({"rave_obs_id": names, "source_id": [11, 12]}, base=server.files_url)
    server.files["fits/20030411/RAVE_20030411_1507m23_001.fits"] = made.rave(names[0], 2.0)
    server.files["fits/20100313/RAVE_20100313_0823m14_113.fits"] = made.rave(names[1], 3.0)
    spectra = get(files)
    assert spectra.source_id.tolist() == [11, 12]
    assert spectra.names.tolist() == names
    assert np.allclose(spectra.error, 0.05 * spectra.flux)
    assert spectra.instrument.id == "rave"


def test_rave_takes_the_place_that_the_table_names(server):
    table = {"rave_obs_id": ["a_1", "b_2"], "spectrum_fits": ["fits/1/x.fits", "/fits/2/y.fits"]}
    files = rave(table, base=server.files_url)
    assert [t.urls[0] for t in files.targets] == [
        f"{server.files_url}/fits/1/x.fits",
        f"{server.files_url}/fits/2/y.fits",
    ]


def test_gaia_eso_by_product_or_by_link(get, server):
    server.files["ADP.1"] = made.giraffe(7181, "21295872+1208321")
    row = f"<TR><TD>x</TD><TD>{server.files_url}/ADP.1</TD><TD>#this</TD></TR>"
    server.files["links/2"] = STUB.format(row).encode()
    server.files["ADP.3"] = made.giraffe(400, "of another setup")
    direct = gaia_eso({"dp_id": ["ADP.1", "ADP.3"]}, base=server.files_url)
    spectra = get(direct)
    assert spectra.names.tolist() == ["ADP.1"]
    assert spectra.provenance["missing_names"] == ["ADP.3"]
    table = {"access_url": [f"{server.files_url}/links/2"], "target_name": ["21295872+1208321"]}
    linked = gaia_eso(table, hosts=["127.0.0.1"], base=server.files_url)
    assert get(linked).flux.tobytes() == spectra.flux.tobytes()
    assert get(linked).names.tolist() == ["21295872+1208321"]


def test_gaia_eso_leaves_other_setups_out():
    table = {"dp_id": ["a", "b"], "em_min": [6.44e-7, 5.33e-7], "em_max": [6.82e-7, 5.62e-7]}
    assert gaia_eso(table).stars.tolist() == ["a"]


def galah_files(server: ArchiveServer, arms: str = "BGRI") -> SpectraFiles:
    files = galah({"sobject_id": [140312003501002]}, base=f"{server.files_url}/links")
    for number, (letter, url) in enumerate(zip("BGRI", files.targets[0].urls, strict=True), 1):
        name = url.removeprefix(f"{server.files_url}/")
        body = made.galah(number, 4000) if letter in arms else STUB.format("").encode()
        server.files[name] = body
    return files


def test_galah_puts_four_arms_together(get, server):
    spectra = get(galah_files(server))
    assert spectra.names.tolist() == ["140312003501002"]
    assert (~spectra.mask).mean() > 0.9
    assert spectra.instrument.id == "galah"


def test_galah_stubs_are_missing_arms_and_all_stubs_a_missing_star(get, server, store):
    spectra = get(galah_files(server, "BG"))
    half = 4131 + 4091
    assert (~spectra.mask[0, :half]).mean() > 0.9
    assert spectra.mask[0, half:].all()
    store.upkeep.clear()
    none = get(galah_files(server, ""))
    assert (len(none), none.provenance["missing_names"]) == (0, ["140312003501002"])


def test_different_grids_are_brought_to_the_instruments(get, server):
    for name, start in (("a_1", 8420.4), ("a_2", 8421.0)):
        body = made.rave(name)
        with fits.open(__import__("io").BytesIO(body)) as hdus:
            for hdu in hdus[1:]:
                hdu.header["CRVAL1"] = start
            server.files[f"fits/a/RAVE_{name}.fits"] = made.to_bytes(*hdus)
    spectra = get(rave({"rave_obs_id": ["a_1", "a_2"]}, base=server.files_url))
    assert spectra.provenance["resampled"]
    assert len(spectra) == 2
    assert np.allclose(spectra.flux[~spectra.mask], 2.0)


# Faults and bad input


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.UNAVAILABLE, Fault.POOL_EMPTY, Fault.MAINTENANCE, Fault.ERROR_200),
        *(Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.WRONG_LENGTH),
    ],
    ids=lambda fault: fault.word,
)
def test_a_fault_that_passes_is_recovered_from(get, server, store, fault):
    files = apogee_files(server)
    server.faults.inject(fault, times=2, where="files")
    spectra = get(files)
    assert np.median(spectra.flux, axis=1).tolist() == [1, 2, 3]
    assert server.faults.struck[fault] == 2
    assert store.upkeep.verify().sound


def test_a_fault_that_stays_is_named_and_what_came_is_kept(get, server):
    files = apogee_files(server)
    get(files, files.stars[:1])
    server.faults.inject(Fault.MAINTENANCE, where="files")
    with pytest.raises(ArchiveDown, match="down for maintenance"):
        get(files)
    assert len(get(files, files.stars[:1], offline=True)) == 1


def test_what_is_no_spectrum_of_the_survey_is_refused(get, server):
    files = apogee_files(server)
    for name in server.files:
        server.files[name] = made.rave()
    with pytest.raises(ArchiveDown, match=r"cannot be read as apstar of 2M"):
        get(files)


def test_an_address_that_leads_elsewhere_is_not_asked(get, server):
    for url in (
        "http://169.254.169.254/latest",
        "https://eso.org.evil.example/x",
        "ftp://eso.org/x",
    ):
        files = gaia_eso({"access_url": [url], "target_name": ["x"]})
        with pytest.raises(StellarnbError, match=r"none of its own hosts|not a valid address"):
            get(files)
    row = "<TR><TD>x</TD><TD>http://localhost:1/x</TD><TD>#this</TD></TR>"
    server.files["links/2"] = STUB.format(row).encode()
    files = gaia_eso({"access_url": [f"{server.files_url}/links/2"]}, hosts=["127.0.0.1"])
    with pytest.raises(ArchiveDown, match="none of its own hosts"):
        get(files)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: rave({"rave_obs_id": ["../../etc/passwd"]}), InvalidInput, "cannot be part"),
        (lambda: rave({"rave_obs_id": [".."]}), InvalidInput, "cannot be part"),
        (lambda: apogee({**ALLSTAR, "FIELD": ["a/b"] * 3}), InvalidInput, "cannot be part"),
        (lambda: galah({"sobject_id": [12]}), InvalidInput, "15 digits"),
        (lambda: galah({"sobject_id": ["1&x=2"]}), InvalidInput, "15 digits"),
        (lambda: apogee({"apogee_id": ["x"]}), MissingInput, r"telescope.*columns: apogee_id"),
        (lambda: rave({"rave_obs_id": ["a", None]}), InvalidInput, "empty in 1 rows"),
        (lambda: apogee(ALLSTAR, "apSter"), InvalidInput, "no product"),
        (lambda: files_of("apogee", ALLSTAR, "apsta"), InvalidInput, "did you mean 'apstar'"),
        (lambda: files_of("gaia", ALLSTAR), InvalidInput, "does not serve files"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_star_that_was_not_given_is_refused(get, server):
    files = apogee_files(server)
    with pytest.raises(InvalidInput, match="not among the given stars"):
        get(files, ["x"])
    with pytest.raises(InvalidInput, match="'rvs' is not"):
        files.scope("rvs")


def test_one_door_for_all_surveys(server):
    assert files_of("rave", {"rave_obs_id": ["a_1"]}).product == "spectrum"
    assert files_of("galah", {"sobject_id": [140312003501002]}).instrument == "galah"
    assert files_of("gaia-eso", {"dp_id": ["x"]}).instrument == "giraffe-hr15n"
    files = files_of("apogee", ALLSTAR, base=f"{server.files_url}/")
    assert files.product == "aspcapstar"
    assert files.targets[0].urls[0].startswith(f"{server.files_url}/aspcap/")
