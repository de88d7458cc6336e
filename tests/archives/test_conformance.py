"""One set of tests for all kinds of archives: embedded, folder, HATS catalogue, TAP service."""

# ruff: noqa: S608 - the names of tables are those of the tests

import ast
import inspect
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from stellarnb.archives import (
    Archive,
    Capabilities,
    HatsArchive,
    LocalArchive,
    RemoteArchive,
    open_archive,
)
from stellarnb.archives.cache.store import Store
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import (
    Interrupted,
    InvalidInput,
    PartialProducts,
    QueryError,
    Truncated,
)
from stellarnb.progress import Cancel
from stellarnb.tables import Result
from tests.support.archive_server import ArchiveServer, Limits, archive_server

pytestmark = pytest.mark.filterwarnings("ignore")

KINDS = ("embedded", "folder", "hats", "remote")
CALLS = ("query", "cone", "stars", "crossmatch", "spectra")
#: Keywords that every kind accepts, with values that let each answer as it is.
SHARED = {
    "maxrec": 100_000,
    "allow_truncated": False,
    "refresh": False,
    "timeout": 300.0,
    "cancel": Cancel(),
    "progress": False,
}
N = 300
NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@dataclass(frozen=True)
class Opened:
    """An archive, its main table, and a position with stars around it."""

    kind: str
    archive: Archive
    table: str
    center: tuple[float, float]
    radius: float


@pytest.fixture(scope="module")
def table(sky: LocalArchive) -> Result:
    """Stars with nulls in floats, of all kinds of columns that archives share."""
    stars = sky.cone((83.0, -5.0), 1.0, limit=N)
    stars = stars.take(np.argsort(stars["source_id"]))
    rng = np.random.default_rng(3)
    parallax = rng.normal(1, 0.2, N)
    parallax[::7] = np.nan
    columns = {name: stars[name] for name in ("source_id", "ra", "dec")} | {
        "parallax": parallax,
        "phot_g_mean_mag": rng.normal(14, 1, N).astype(np.float32),
        "has_rvs": np.arange(N) < N // 2,
    }
    return Result(columns, units={"ra": "deg", "dec": "deg"})


@pytest.fixture(scope="module")
def files(table: Result, make_folder: Callable[..., Path]) -> Path:
    folder = make_folder()
    table.write(folder / "gaia_source.parquet")
    return folder


@pytest.fixture(scope="module")
def hats(table: Result, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lsdb = pytest.importorskip("lsdb", reason="the extra [lsdb] is not installed")
        path = tmp_path_factory.mktemp("hats") / "gaia_source"
        frame = table.to_pandas()
        made = lsdb.from_dataframe(
            frame, ra_column="ra", dec_column="dec", catalog_name="gaia_source"
        )
        made.write_catalog(path, catalog_name="gaia_source", progress_bar=False)
        return open_archive(path)


@pytest.fixture(scope="module")
def service(files: Path) -> Iterator[ArchiveServer]:
    with archive_server(files, limits=Limits(max_rows=2000)) as server:
        yield server


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    kind = request.param
    center, radius = (83.0, -5.0), 0.3
    if kind == "embedded":
        archive = open_archive("sample")
        stars = archive.query("SELECT TOP 1 ra, dec FROM stars ORDER BY source_id")
        return Opened(kind, archive, "stars", (stars["ra"][0], stars["dec"][0]), 20.0)
    if kind == "folder":
        archive = LocalArchive(request.getfixturevalue("files"), name="mine")
        return Opened(kind, archive, "gaia_source", center, radius)
    if kind == "hats":
        return Opened(kind, request.getfixturevalue("hats"), "gaia_source", center, radius)
    server = request.getfixturevalue("service")
    server.reset()
    survey = open_archive("gaia", cache=False, offline=True).survey
    survey = replace(survey, url=server.tap_url, data=server.data_url)
    remote = RemoteArchive(survey, store=Store(tmp_path), transport=Transport(offline=False))
    return Opened(kind, remote, "gaiadr3.gaia_source", center, radius)


def call(opened: Opened, name: str, **how: object) -> object:
    """Call a method of an archive with arguments that fit it."""
    archive = opened.archive
    if name == "query":
        return archive.query(f"SELECT TOP 20 source_id, ra, dec FROM {opened.table}", **how)
    if name == "cone":
        return archive.cone(opened.center, opened.radius, limit=20, **how)
    if name == "stars":
        return archive.stars(columns=["source_id", "ra", "dec"], limit=20, **how)
    stars = archive.stars(columns=["source_id", "ra", "dec"], limit=20)
    if name == "crossmatch":
        return archive.crossmatch({"ra": stars["ra"], "dec": stars["dec"]}, 1.0, **how)
    return archive.spectra(stars, **how)


def answers(opened: Opened, name: str) -> bool:
    return name != "spectra" or opened.archive.capabilities.spectra


@pytest.mark.parametrize("name", [*CALLS, "tables", "columns", "check", "cite"])
def test_all_kinds_have_the_same_signatures(name: str) -> None:
    want = inspect.signature(getattr(Archive, name)).parameters
    for kind in (LocalArchive, HatsArchive, RemoteArchive):
        have = dict(inspect.signature(getattr(kind, name)).parameters)
        if (kind, name) == (RemoteArchive, "stars"):  # elsewhere a condition like any other
            del have["good"]
        assert [(p.name, p.kind, p.default) for p in have.values()] == [
            (p.name, p.kind, p.default) for p in want.values()
        ]


def test_it_is_an_archive(opened: Opened) -> None:
    archive = opened.archive
    assert isinstance(archive, Archive)
    can = archive.capabilities
    assert isinstance(can, Capabilities)
    assert can.spectra == bool(archive.products)
    assert can.remote == (opened.kind == "remote")
    assert can.counts == ("rows" in archive.tables().colnames)
    assert {"name", "type", "unit", "description"} <= set(archive.columns(opened.table).colnames)
    assert archive.columns(opened.table)["name"].tolist()[:1] == ["source_id"]
    assert archive.label_columns
    assert isinstance(archive.cite(), str)


@pytest.mark.parametrize("name", CALLS)
def test_shared_keywords_are_accepted(opened: Opened, name: str) -> None:
    how = {**SHARED, "deadline": time.monotonic() + 300}
    if not answers(opened, name):
        with pytest.raises(InvalidInput, match="no spectra"):
            call(opened, name, **how)
        return
    plain, told = call(opened, name), call(opened, name, **how)
    assert np.array_equal(told.source_id if name == "spectra" else told["ra"],
                          plain.source_id if name == "spectra" else plain["ra"])  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"maxrec": -1}, {"timeout": "long"}, {"deadline": True}, {"cancel": 1}, {"progress": "yes"}],
)
@pytest.mark.parametrize("name", CALLS)
def test_types_of_shared_keywords_are_checked(opened: Opened, name: str, wrong: dict) -> None:
    with pytest.raises(InvalidInput):
        call(opened, name, **wrong)


@pytest.mark.parametrize("name", ["cone", "crossmatch", "spectra"])
def test_a_misspelt_keyword_is_refused(opened: Opened, name: str) -> None:
    with pytest.raises(InvalidInput, match="no option 'tiemout'"):
        call(opened, name, tiemout=5)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_cancelled_before_it_began_is_interrupted(opened: Opened, name: str) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Interrupted):
        call(opened, name, cancel=cancel)


@pytest.mark.parametrize("name", ["query", "cone", "stars"])
def test_more_rows_than_maxrec_are_truncated(opened: Opened, name: str) -> None:
    with pytest.raises(Truncated):
        call(opened, name, maxrec=5)
    few = call(opened, name, maxrec=5, allow_truncated=True)
    assert len(few) == 5
    assert few.truncated
    all_ = call(opened, name, maxrec=20)
    assert len(all_) == len(call(opened, name))
    if name != "stars":  # which tells that there are more than limit=
        assert not all_.truncated


def test_an_empty_answer_has_the_columns(opened: Opened) -> None:
    columns = ["source_id", "ra", "dec"]
    for found in (
        opened.archive.query(f"SELECT source_id, ra, dec FROM {opened.table} WHERE dec > 95"),
        opened.archive.stars(columns=columns, where="t.dec > 95"),
        opened.archive.cone((opened.center[0], 89.9), 1e-6, columns=columns),
    ):
        assert len(found) == 0
        assert found.colnames == columns
        assert str(found.arrow.schema.field("source_id").type) == "int64"
        assert str(found.arrow.schema.field("ra").type) == "double"


def test_identifiers_keep_their_order_and_name_the_missing(opened: Opened) -> None:
    ids = opened.archive.query(f"SELECT TOP 5 source_id FROM {opened.table}")["source_id"][::-1]
    found = opened.archive.stars(ids=[*ids.tolist(), 42], columns=["source_id"])
    assert found["source_id"].tolist() == ids.tolist()
    assert found["source_id"].dtype == np.int64
    assert found.missing == (42,)


def test_unknown_names_raise_the_same_errors(opened: Opened) -> None:
    archive = opened.archive
    for wrong in (
        lambda: archive.columns("no_such_table"),
        lambda: archive.cone(opened.center, 0.1, table="no_such_table"),
        lambda: archive.stars(table="no_such_table", limit=1),
        lambda: archive.stars(columns=["no_such_column"], limit=1),
        lambda: archive.stars(no_such_column=1, limit=1),
        lambda: archive.cone(opened.center, 0.1, columns=["no_such_column"]),
        lambda: archive.cone("somewhere else, nowhere\n", -1),
    ):
        with pytest.raises(InvalidInput):
            wrong()
    for adql in ("SELECT no_such_column FROM " + opened.table, "DELETE FROM " + opened.table):
        with pytest.raises(QueryError):
            archive.query(adql)


def test_a_crossmatch_finds_the_stars_themselves(opened: Opened) -> None:
    found = call(opened, "crossmatch")
    assert len(found) == 20
    assert np.all(found["separation"] < 1e-3)
    assert {"ra", "dec", "n_shared"} <= set(found.colnames)


def test_the_same_stars_have_the_same_columns(opened: Opened, table: Result) -> None:
    if opened.kind == "embedded":
        pytest.skip("the embedded archive has stars of its own")
    found = opened.archive.query(f"SELECT * FROM {opened.table} ORDER BY source_id")
    assert found.colnames == table.colnames
    kinds = {name: str(found.arrow.schema.field(name).type) for name in found.colnames}
    assert kinds == {
        "source_id": "int64",
        "ra": "double",
        "dec": "double",
        "parallax": "double",
        "phot_g_mean_mag": "float",
        "has_rvs": "bool",
    }
    assert found.arrow["parallax"].null_count == len(table["parallax"][::7])
    for name in table.colnames:
        want = np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)
        have = np.ma.filled(np.ma.asarray(found[name], dtype=float), np.nan)
        assert np.array_equal(have, want, equal_nan=True), name
    near = opened.archive.cone(opened.center, opened.radius, columns=["source_id", "parallax"])
    want_near = np.hypot((table["ra"] - 83) * np.cos(np.radians(5)), table["dec"] + 5) < 0.29
    assert set(table["source_id"][want_near].tolist()) <= set(near["source_id"].tolist())
    assert near.colnames == ["source_id", "parallax"]


def test_stars_without_a_spectrum_are_missing(opened: Opened) -> None:
    archive = opened.archive
    if not archive.capabilities.spectra or opened.kind == "remote":
        pytest.skip("has no spectra here; tests/archives/spectra does this with a served archive")
    ids = archive.stars(columns=["source_id"], limit=2)["source_id"].tolist()
    found = archive.spectra([42, *ids, 42])
    assert found.source_id.tolist() == ids
    assert found.missing == (42,)
    with pytest.raises(PartialProducts):
        archive.spectra([42, *ids], strict=True)
    with pytest.raises(InvalidInput, match="no product"):
        archive.spectra(ids, "no_such_product")


def test_served_spectra_that_are_missing_are_named(
    server: ArchiveServer, gaia: RemoteArchive
) -> None:
    ids = server.store.query("SELECT TOP 3 source_id FROM mock.stars")["source_id"].tolist()
    found = gaia.spectra([*ids, 42], progress=False)
    assert found.source_id.tolist() == ids
    assert found.missing == (42,)
    with pytest.raises(PartialProducts):
        gaia.spectra([*ids, 42], strict=True, progress=False)
    with pytest.raises(InvalidInput, match="no product"):
        gaia.spectra(ids, "no_such_product")


def live_calls(path: Path) -> list[ast.Call]:
    """Return the calls of archives in a notebook, under its `live` switch or after it."""
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    trees = [ast.parse("".join(cell["source"])) for cell in cells]
    names = {
        target.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _opens(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (_opens(node.func.value) or getattr(node.func.value, "id", "") in names)
    ]


def _opens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("open_archive")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_call_archives_in_ways_that_all_kinds_accept(path: Path) -> None:
    for node in live_calls(path):
        for kind in (LocalArchive, RemoteArchive, HatsArchive):
            method = getattr(kind, node.func.attr)
            named = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(method).bind(None, *node.args, **named)


def test_notebooks_have_calls_of_archives() -> None:
    assert sum(len(live_calls(path)) for path in NOTEBOOKS) > 20
