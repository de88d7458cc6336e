"""Training sets out of archives: what is in them, what each cut left, and how a run goes on."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u

from stellarnb.archives import LocalArchive
from stellarnb.errors import ArchiveDown, Interrupted, InvalidInput, MissingInput
from stellarnb.progress import Cancel
from stellarnb.spectra import get_instrument
from stellarnb.spectra.binary import to_cells
from stellarnb.tables import Result
from stellarnb.training.data.apogee_xp import split
from stellarnb.training.dataset import cuts as cuts_module
from stellarnb.training.dataset.api import training_set
from stellarnb.training.dataset.cuts import NoBits, apply_cuts

N = 300
N_PIX = get_instrument("gaia-rvs").n_pix
LABELS = ("teff", "logg", "fe_h")


def flux_of(ids: np.ndarray) -> np.ndarray:
    """A made-up spectrum for each star, which tells the star."""
    pixel = np.arange(N_PIX, dtype=np.float32)
    return (1 + 0.1 * np.sin(pixel / 50 + (ids % 97)[:, None])).astype(np.float32)


@pytest.fixture(scope="module")
def gaia(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """Stars with spectra; every seventh has none, every eleventh is half masked."""
    folder = tmp_path_factory.mktemp("gaia")
    ids = (np.arange(1, N + 1, dtype=np.int64) * 7919) << 36
    rng = np.random.default_rng(0)
    Result(
        {
            "source_id": ids,
            "ra": np.linspace(0, 359, N),
            "dec": np.linspace(-80, 80, N),
            "phot_g_mean_mag": rng.normal(12, 1, N).astype(np.float32),
            "snr": np.where(np.arange(N) % 5 == 0, 10.0, 40.0),
            "has_rvs": np.arange(N) % 7 != 0,
        },
        units={"phot_g_mean_mag": "mag", "ra": "deg", "dec": "deg"},
        provenance={"credits": ["ESA/Gaia/DPAC"]},
    ).write(folder / "gaia_source.parquet")
    have = ids[np.arange(N) % 7 != 0]
    flux = flux_of(have)
    flux[np.flatnonzero((have >> 36) // 7919 % 11 == 0), : N_PIX // 2] = np.nan
    columns = {
        "source_id": have,
        "flux": to_cells(flux),
        "flux_error": to_cells(np.full_like(flux, 0.02)),
    }
    note = {"product": "rvs", "instrument": "gaia-rvs"}
    Result(pa.table(columns), provenance=note).write(folder / "rvs.parquet")
    return LocalArchive(folder, name="gaia", title="Gaia of the tests", version="DR0")


@pytest.fixture(scope="module")
def reference(gaia: LocalArchive, tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """Labels of 200 of the stars, some twice, and of ten others."""
    folder = tmp_path_factory.mktemp("survey")
    stars = gaia.query("SELECT source_id, ra, dec FROM gaia_source ORDER BY source_id")
    rows = np.r_[np.arange(200), np.arange(20)]
    ids = np.r_[stars["source_id"][rows], np.arange(1, 11)]
    m = len(ids)
    rng = np.random.default_rng(4)
    Result(
        {
            "source_id": np.ma.MaskedArray(ids, mask=np.arange(m) == 3),
            "ra": np.r_[stars["ra"][rows], np.full(10, 5.0)] + 1e-5,
            "dec": np.r_[stars["dec"][rows], np.full(10, 5.0)],
            "snr": np.r_[np.full(200, 100.0), np.full(20, 300.0), np.full(10, 100.0)],
            "teff": rng.uniform(4000, 6500, m).astype(np.float32),
            "teff_error": np.where(np.arange(m) % 10 == 5, 500.0, 50.0),
            "logg": np.where(np.arange(m) == 8, np.nan, 3.0),
            "fe_h": rng.normal(0, 0.2, m),
            "aspcapflag": np.where(np.arange(m) == 9, 1 << 23, 1),
        },
        units={"teff": "K"},
        provenance={"credits": ["SDSS"]},
    ).write(folder / "labels.parquet")
    return LocalArchive(folder, name="survey", title="Survey of the tests")


@pytest.fixture
def make(gaia: LocalArchive, reference: LocalArchive, tmp_path: Path) -> Callable[..., object]:
    def made(**more: object) -> object:
        given = {"out": tmp_path / "set", "labels": LABELS, "chunk": 64, "archive": gaia}
        return training_set("gaia-rvs", reference, progress=False, **{**given, **more})

    return made


def test_labels_and_spectra_are_those_of_the_same_star(make, gaia, reference) -> None:
    made = make()
    spectra, stars = made.read()
    ids = stars["source_id"]
    assert ids.dtype == np.int64
    assert len(np.unique(ids)) == len(ids) == len(made) == len(spectra)
    assert np.array_equal(spectra.source_id, ids)
    good = ~spectra.mask
    assert np.array_equal(spectra.flux[good], flux_of(ids)[good])
    for star, teff, g, snr in zip(
        ids, stars["teff"], stars["phot_g_mean_mag"], stars["reference_snr"], strict=True
    ):
        rows = reference.query(
            f"SELECT TOP 1 teff, snr FROM labels WHERE source_id = {star} "  # noqa: S608
            "ORDER BY snr DESC"
        )
        assert (teff, snr) == (rows["teff"][0], rows["snr"][0])
        mag = gaia.query(
            f"SELECT phot_g_mean_mag AS g FROM gaia_source WHERE source_id = {star}"  # noqa: S608
        )
        assert g == mag["g"][0]
    assert np.array_equal(stars["split"], split(ids))
    assert stars.units["teff"] == "K"


def test_each_step_is_counted_and_stated(make) -> None:
    made = make()
    counts = made.counts
    assert counts["survey: stars"] == 230
    assert counts["survey: with all labels and a source_id"] == 228
    steps = list(counts.values())
    assert counts["in the set"] == steps[-1] < counts["gaia: found"] <= 200
    survey = [n for step, n in counts.items() if step.startswith("survey: ")]
    assert survey == sorted(survey, reverse=True)
    gaia = [n for step, n in counts.items() if step.startswith(("gaia: ", "rvs: "))]
    assert gaia == sorted(gaia, reverse=True)
    told = made.provenance
    assert told["cuts"]["reference"]["snr"] == ">= 70"
    assert told["cuts"]["reference"]["aspcapflag"] == "without bits 23"
    assert told["cuts"]["stars"]["has_rvs"] == "is True"
    assert told["not_cut"]["stars"] == ["ruwe"]
    assert "parallax" in told["scalars_left_out"]
    assert told["archive"]["release"] == "DR0"
    assert made.cite() == "SDSS\nESA/Gaia/DPAC"
    assert "survey: stars" in repr(made)


def test_the_cuts_are_those_that_are_stated(make) -> None:
    _, stars = make().read()
    assert stars["snr"].min() >= 15
    assert stars["teff_error"].max() <= 150
    loose = make(cuts={"stars": {}, "reference": {"teff": (5000, None)}}, resume=False)
    _, more = loose.read()
    assert more["snr"].min() == 10
    assert more["teff"].min() >= 5000
    assert more["teff_error"].max() == 500


def test_some_stars_are_the_first_of_all(make) -> None:
    _, everything = make().read()
    few = make(n=20, resume=False)
    _, stars = few.read()
    assert len(few) == len(stars) == 20
    assert stars["source_id"].tolist() == everything["source_id"].tolist()[:20]
    _, other = make(n=20, seed=1, resume=False).read()
    assert other["source_id"].tolist() != stars["source_id"].tolist()


def test_a_stopped_run_goes_on_and_ends_with_the_same_files(make, tmp_path, monkeypatch) -> None:
    whole = make(out=tmp_path / "whole")
    cancel = Cancel()
    from stellarnb.training.dataset.chunks import Chunks

    write, calls = Chunks.write, []

    def counted(self: Chunks, number: int, room: int | None) -> int:
        calls.append(number)
        if len(calls) == 2:
            cancel.set()
        return write(self, number, room)

    monkeypatch.setattr(Chunks, "write", counted)
    with pytest.raises(Interrupted, match="keeps them"):
        make(cancel=cancel)
    again = make()
    assert calls == list(range(len(calls)))  # no chunk was made twice
    assert again.counts == whole.counts
    for path in sorted(whole.path.glob("part-*")):
        assert pq.read_table(path).equals(pq.read_table(again.path / path.name))
    calls.clear()
    make()
    assert calls == []


def test_what_an_archive_fails_at_costs_only_its_chunk(make, gaia, monkeypatch) -> None:
    spectra, calls = gaia.spectra, []

    def failing(*args: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise ArchiveDown("gaia does not answer.")
        return spectra(*args, **more)

    monkeypatch.setattr(gaia, "spectra", failing)
    with pytest.raises(ArchiveDown):
        make()
    made = make()
    _, stars = made.read()
    assert len(stars) == len(made)


def test_another_set_in_the_folder_is_refused(make, tmp_path) -> None:
    make(n=5)
    with pytest.raises(InvalidInput, match="differs in n"):
        make(n=6)
    assert len(make(n=6, resume=False)) == 6
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "part-000000.parquet").write_bytes(b"")
    with pytest.raises(InvalidInput, match="not of this set"):
        make(out=tmp_path / "other")
    manifest = tmp_path / "set" / "_training_set.json"
    manifest.write_text("{")
    with pytest.raises(InvalidInput, match="cannot be read"):
        make(n=6)


def test_positions_serve_where_there_is_no_source_id(make, gaia, reference, tmp_path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    rows = reference.query("SELECT ra, dec, snr, teff, logg, fe_h FROM labels")
    rows.write(folder / "labels.parquet")
    plain = LocalArchive(folder, name="plain")
    made = training_set(
        "gaia-rvs", plain, archive=gaia, out=tmp_path / "p", labels=LABELS, chunk=50, progress=False
    )
    _, stars = made.read()
    assert made.provenance["match"] == "1 arcsec"
    assert len(np.unique(stars["source_id"])) == len(stars) > 50
    assert np.all(stars["separation"] < 0.1)
    _, by_id = make().read()
    assert {"ra", "dec", "source_id", "separation"} <= set(stars.colnames)
    assert set(by_id["source_id"]) <= set(stars["source_id"])
    near = make(out=tmp_path / "n", match=0.5 * u.arcsec)
    assert near.provenance["match"] == "0.5 arcsec"


def test_further_products_stand_beside_the_first(make, gaia, monkeypatch) -> None:
    monkeypatch.setitem(gaia._products, "twin", gaia._products["rvs"])
    made = make(n=7, more=["twin"])
    _, stars = made.read()
    assert stars.arrow["twin_flux"].type == pa.binary(4 * N_PIX)
    table = pq.read_table(made.path / "part-000000.parquet")
    assert table["flux"].to_pylist() == table["twin_flux"].to_pylist()


def test_the_set_is_a_dataset_that_the_engine_reads(make) -> None:
    from benchmarks.reference import reference_model
    from stellarnb.models.bulk import read_tables

    made = make(n=10)
    tables = list(read_tables(reference_model(), made.path))
    assert sum(len(table) for table in tables) == 10
    reopened = LocalArchive(made.path)
    assert reopened.tables()["rows"].sum() == 10


def test_the_embedded_archive_gives_both_sides(tmp_path) -> None:
    import stellarnb as snb

    made = snb.training_set(
        "gaia-xp",
        "sample",
        archive="sample",
        labels=["teff", "logg", "fe_h"],
        cuts={"stars": {}},
        n=50,
        out=tmp_path,
        progress=False,
    )
    spectra, stars = made.read()
    assert len(made) == len(spectra) == len(stars) == 50
    assert made.counts["reference: stars"] == 4039
    assert spectra.instrument.id == "gaia-xp"
    assert "APOGEE" in made.cite()


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"labels": ("teff", "a_li")}, MissingInput, "no a_li"),
        ({"labels": ()}, MissingInput, "label to learn"),
        ({"cuts": {"stars": {"ruwe": (None, 1.4)}}}, MissingInput, "ruwe"),
        ({"cuts": {"reference": {"teff": object()}}}, InvalidInput, "cannot be applied"),
        ({"cuts": {"gaia": {}}}, InvalidInput, "reference and stars"),
        ({"cuts": {"stars": {"snr": (1e6, None)}}}, MissingInput, "No star is left"),
        ({"n": 0}, InvalidInput, "at least one"),
        ({"more": ("xp_sampled",)}, InvalidInput, "no xp_sampled spectra"),
        ({"match": -1}, InvalidInput, "within 0"),
        ({"chunk": 0}, InvalidInput, "chunk"),
    ],
)
def test_what_cannot_be_is_said_in_words(make, more, kind, words) -> None:
    with pytest.raises(kind, match=words):
        make(**more)


def test_an_unknown_kind_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'gaia-rvs'"):
        training_set("gaia-rsv")


def test_cuts_count_what_they_leave() -> None:
    table = Result(
        {
            "x": [1.0, 2.0, np.nan, 4.0],
            "flag": np.array([0, 1, 8, 9]),
            "name": ["a", "b", "a", "c"],
            "ok": np.ma.MaskedArray([True, True, False, True], mask=[0, 0, 0, 1]),
        }
    )
    counts: dict[str, int] = {}
    passed = apply_cuts(table, {"x": (1, 3), "flag": NoBits((3,))}, counts, whose="t")
    assert passed.tolist() == [True, True, False, False]
    assert counts == {"t: x in 1..3": 2, "t: flag without bits 3": 2}
    assert apply_cuts(table, {"ok": True}, {}, whose="t").tolist() == [True, True, False, False]
    assert apply_cuts(table, {"name": ["a"]}, {}, whose="t").tolist() == [True, False, True, False]
    assert apply_cuts(table, {"name": "c"}, {}, whose="t").tolist() == [False, False, False, True]
    for bad in ((1, 2, 3), NoBits((1,)), None):
        with pytest.raises(InvalidInput, match="cannot be applied"):
            apply_cuts(table, {"x": bad}, {}, whose="t")
    with pytest.raises(MissingInput, match="'y'"):
        apply_cuts(table, {"y": 1}, {}, whose="t")
    assert cuts_module.describe_condition((None, 5)) == "<= 5"


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, gaia: LocalArchive, reference: LocalArchive
) -> Iterator[object]:
    from tests.support.archive_server import archive_server

    stars = gaia.query("SELECT * FROM gaia_source").to_arrow()
    names = {"snr": "rvs_spec_sig_to_noise"}
    folder = tmp_path_factory.mktemp("served") / "survey"
    folder.mkdir()
    reference.query("SELECT * FROM labels").write(folder / "labels.parquet")
    pq.write_table(
        stars.rename_columns([names.get(n, n) for n in stars.column_names]),
        folder / "gaia_source.parquet",
    )
    source = next(iter(gaia._products.values()))._file.path
    (folder / "rvs.parquet").write_bytes(source.read_bytes())
    with archive_server(folder, mock_stars=0) as server:
        yield server


def test_end_to_end_against_the_test_server(served, make, tmp_path) -> None:
    from dataclasses import replace

    from stellarnb.archives import open_archive
    from stellarnb.archives.cache.store import Store
    from stellarnb.archives.remote.archive import RemoteArchive
    from stellarnb.archives.surveys import Survey, SurveyTable
    from stellarnb.archives.transport.client import Transport

    store, transport = Store(tmp_path / "cache"), Transport(offline=False)

    def remote(survey: Survey) -> RemoteArchive:
        survey = replace(survey, url=served.tap_url, data=served.data_url)
        return RemoteArchive(survey, store=store, transport=transport)

    names = ("source_id", "ra", "dec", "snr", "teff", "teff_error", "logg", "fe_h", "aspcapflag")
    survey = Survey(
        "survey",
        "Survey of the tests",
        "",
        "",
        parts=(SurveyTable("t", "survey.labels"),),
        columns={name: (f"t.{name}",) for name in names},
        credits=("SDSS",),
    )
    stars = remote(open_archive("gaia", offline=True, cache=False).survey)
    made = training_set(
        "gaia-rvs",
        remote(survey),
        archive=stars,
        out=tmp_path / "remote",
        labels=LABELS,
        chunk=64,
        progress=False,
    )
    local = make(out=tmp_path / "local")
    (theirs, a), (ours, b) = made.read(), local.read()
    order = np.argsort(a["source_id"]), np.argsort(b["source_id"])
    assert a["source_id"][order[0]].tolist() == b["source_id"][order[1]].tolist()
    assert np.array_equal(theirs.flux[order[0]], ours.flux[order[1]], equal_nan=True)
    assert made.counts["in the set"] == local.counts["in the set"]
    assert made.provenance["archive"]["release"] == "Gaia DR3"
    assert "ESA" in made.cite()
    assert json.loads((made.path / "_training_set.json").read_text())["stars"] == len(made)
