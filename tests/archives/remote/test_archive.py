"""One interface for every TAP service, against the test server."""

import http.server
import json
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

import stellarnb as snb
from stellarnb.archives import open_archive
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.tap.service import Query
from stellarnb.archives.transport.client import Transport
from stellarnb.archives.transport.login import Cookie
from stellarnb.archives.transport.progress import Progress
from stellarnb.errors import (
    ArchiveDown,
    CacheMiss,
    Interrupted,
    InvalidInput,
    MissingInput,
    QueryError,
    Truncated,
)
from stellarnb.progress import Cancel
from stellarnb.tables import Result
from tests.support.archive_server import Fault

ADQL = "SELECT TOP 100 source_id, ra, dec, parallax FROM gaiadr3.gaia_source WHERE dec > 10"
ALL = "SELECT source_id, ra FROM gaiadr3.gaia_source"


def asked(server) -> int:
    return server.log.count("sync") + server.log.count("async")


def truth(server, adql: str) -> Result:
    return server.store.query(adql)


class TestQuery:
    """`RemoteArchive.query`."""

    def test_units_descriptions_and_provenance(self, server, gaia):
        result = gaia.query(ADQL)
        assert result["source_id"].dtype == np.int64
        assert result.provenance["archive"] == "gaia"
        assert result.provenance["adql"] == ADQL
        assert result.provenance["rows"] == 100
        assert result.provenance["service"] == server.tap_url
        assert "Gaia Collaboration" in result.cite()
        assert not result.truncated

    def test_the_same_question_is_asked_once(self, server, gaia):
        first = gaia.query(ADQL)
        n = asked(server)
        again = gaia.query(ADQL.lower().replace(" ", "\n  ") + "-- a comment\n;")
        assert asked(server) == n
        assert again.arrow.equals(first.arrow)
        assert again.provenance == first.provenance
        gaia.query(ADQL, refresh=True)
        gaia.query(ADQL, maxrec=500)
        assert asked(server) == n + 2

    def test_another_kernel_finds_it_offline(self, gaia_survey, gaia, store):
        first = gaia.query(ADQL)
        there = RemoteArchive(gaia_survey, store=store, transport=Transport(offline=True))
        assert there.query(ADQL).arrow.equals(first.arrow)
        with pytest.raises(CacheMiss, match=r"select top 1 ra from gaiadr3\.gaia_source"):
            there.query("SELECT TOP 1 ra FROM gaiadr3.gaia_source")

    def test_offline_through_the_environment(self, server, store, monkeypatch, tmp_path):
        monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path))
        monkeypatch.setenv("STELLARNB_OFFLINE", "1")
        with pytest.raises(CacheMiss):
            open_archive("gaia", url=server.tap_url).query(ADQL)
        assert asked(server) == 0

    def test_without_a_cache_nothing_is_written(self, server, monkeypatch, tmp_path):
        monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("STELLARNB_OFFLINE", "0")
        archive = open_archive("gaia", url=server.tap_url, cache=False)
        archive.query(ADQL)
        archive.query(ADQL, async_=True)
        assert asked(server) == 2
        assert not (tmp_path / "cache").exists()

    def test_uploads_of_any_kind(self, server, gaia):
        ids = truth(server, ALL + " WHERE ra < 30")["source_id"][:4]
        adql = (
            "SELECT u.mine, g.ra FROM tap_upload.own AS u JOIN gaiadr3.gaia_source AS g "
            "ON g.source_id = u.source_id ORDER BY u.mine"
        )
        columns = {"source_id": ids, "mine": np.arange(4)}
        for own in (columns, QTable(columns), pa.table(columns), Result(columns)):
            result = gaia.query(adql, {"own": own})
            assert result["mine"].tolist() == [0, 1, 2, 3]
            assert result.provenance["uploads"]["own"]["rows"] == 4
        assert asked(server) == 1  # the same content is the same question
        gaia.query(adql, {"own": {"source_id": ids[:2], "mine": [7, 8]}})
        assert asked(server) == 2
        with pytest.raises(InvalidInput, match="float"):
            gaia.query(adql, {"own": {"source_id": ids.astype(float), "mine": np.arange(4)}})

    @pytest.mark.parametrize(
        "adql",
        ["", "  -- nothing", "DROP TABLE x", "SELECT 1; DELETE FROM x", "INSERT INTO x", 3, "'"],
    )
    def test_only_one_select_is_sent(self, server, gaia, adql):
        with pytest.raises(QueryError, match="ADQL"):
            gaia.query(adql)
        assert asked(server) == 0

    def test_more_rows_than_maxrec(self, gaia, store):
        with pytest.raises(Truncated, match=r"sent 10 rows"):
            gaia.query(ALL, maxrec=10)
        assert gaia.query(ALL, maxrec=10, allow_truncated=True).truncated
        assert len(gaia.query(ALL + " WHERE ra < 1", maxrec=1999)) < 1999

    def test_no_secret_is_kept_or_shown(self, gaia, store, capsys):
        gaia._transport.use(Cookie("127.0.0.1", "/", "SESSION", "s3cret", secure=False))
        result = gaia.query(ADQL)
        files = [p.read_bytes() for p in store.folder.rglob("*") if p.is_file()]
        assert not any(b"s3cret" in content for content in files)
        assert "s3cret" not in repr(gaia) + str(result.provenance) + repr(vars(gaia))


class TestPieces:
    """More rows than the service sends at once."""

    def test_all_rows_come_each_once(self, server, gaia):
        result = gaia.query(ALL)
        whole = truth(server, ALL)
        assert len(result) == len(whole) == 6000
        assert set(result["source_id"].tolist()) == set(whole["source_id"].tolist())
        assert result.provenance["pieces"] >= 4
        assert result.provenance["adql"] == ALL
        n = asked(server)
        assert len(gaia.query(ALL)) == 6000
        assert asked(server) == n

    def test_with_conditions_joins_and_an_alias(self, server, gaia):
        adql = (
            'SELECT g.ra, "g"."dec" FROM gaiadr3.gaia_source AS g, mock.stars AS m '
            "WHERE g.dec > 0 OR g.ra < 200 -- all of them\n"
        )
        few = "SELECT TOP 1 source_id FROM mock.stars"
        star = truth(server, few)["source_id"][0]
        adql = adql.replace("WHERE", f"WHERE m.source_id = {star} AND (").replace(" --", ") --")
        assert len(gaia.query(adql, async_=False)) == len(truth(server, adql))
        assert len(truth(server, adql)) > 2000

    def test_rows_without_an_identifier_are_not_lost(self, server, gaia, monkeypatch):
        from stellarnb.archives.remote import pagination as pieces

        conditions = [
            p.condition("x") for p in [*pieces._between([5, 9]), pieces._IdRange(null=True)]
        ]
        assert conditions == ["x < 5", "x >= 5 AND x < 9", "x >= 9", "x IS NULL"]
        rows = pieces._IdRange(None, None).halves()
        assert [part.condition("x") for part in rows] == [
            f"x < {3072 << 50}",
            f"x >= {3072 << 50}",
        ]

    def test_a_service_that_cannot_count_is_cut_blindly(self, server, gaia, monkeypatch):
        from stellarnb.archives.adql.normalize import Plain

        monkeypatch.setattr(Plain, "counted", lambda self, place: "SELECT nonsense FROM nowhere")
        result = gaia.query(ALL, async_=False)
        assert sorted(result["source_id"].tolist()) == sorted(truth(server, ALL)["source_id"])
        assert result.provenance["pieces"] > 16

    def test_a_piece_that_is_too_large_is_halved(self, server, gaia, monkeypatch):
        from stellarnb.archives.remote import pagination as pieces

        monkeypatch.setattr(
            pieces._Pagination, "ranges", lambda self, rows: ([pieces._IdRange()], 6000)
        )
        assert len(gaia.query(ALL, async_=False)) == 6000

    def test_a_count_that_does_not_agree_is_named(self, gaia, monkeypatch):
        from stellarnb.archives.remote import pagination as pieces

        ranges = pieces._Pagination.ranges
        monkeypatch.setattr(
            pieces._Pagination, "ranges", lambda self, rows: (ranges(self, rows)[0], 6001)
        )
        with pytest.raises(ArchiveDown, match=r"counts 6,001 rows and sent 6,000"):
            gaia.query(ALL, async_=False)

    def test_it_goes_on_where_it_was_stopped(self, server, gaia, store):
        cancel = Cancel()

        def tell(progress: Progress) -> None:
            if progress.part == 3:
                cancel.set()

        with pytest.raises(Interrupted, match="2 parts of the answer are stored") as caught:
            gaia.query(ALL, async_=False, cancel=cancel, progress=tell)
        partial = caught.value.partial
        assert partial.truncated
        assert 0 < len(partial) < 6000
        n = asked(server)
        result = gaia.query(ALL, async_=False)
        assert len(result) == 6000
        # The whole is tried again; the count and the two pieces are there.
        assert asked(server) - n == 1 + result.provenance["pieces"] - 2

    @pytest.mark.parametrize(
        "adql",
        [
            ALL + " ORDER BY ra",
            "SELECT DISTINCT source_id FROM gaiadr3.gaia_source",
            "SELECT TOP 5000 source_id FROM gaiadr3.gaia_source",
            "SELECT source_id, COUNT(*) AS n FROM gaiadr3.gaia_source GROUP BY source_id",
            "SELECT ra FROM gaiadr3.gaia_source UNION SELECT ra FROM mock.stars",
            "SELECT q.ra FROM (SELECT ra FROM gaiadr3.gaia_source) AS q",
        ],
    )
    def test_what_cannot_be_cut_is_truncated(self, gaia, adql):
        with pytest.raises(Truncated, match="held back others"):
            gaia.query(adql, async_=False)


class TestStars:
    """`RemoteArchive.stars`."""

    def test_the_form_that_a_student_writes(self, server, gaia):
        result = gaia.stars(has_rvs=True, snr=(15, 25), limit=1000)
        wanted = truth(
            server,
            "SELECT source_id FROM gaiadr3.gaia_source WHERE has_rvs = 'true' AND "
            "rvs_spec_sig_to_noise BETWEEN 15 AND 25",
        )
        assert set(result["source_id"].tolist()) <= set(wanted["source_id"].tolist())
        assert len(result) == min(1000, len(wanted))
        assert not result.truncated
        assert result["has_rvs"].all()
        assert result["snr"].min() >= 15
        assert result["snr"].max() <= 25
        assert result.provenance["columns"]["snr"] == "t.rvs_spec_sig_to_noise"
        assert gaia.query(result.provenance["adql"])["source_id"].tolist() == (
            result["source_id"].tolist()
        )

    def test_a_limit_tells_whether_there_are_more(self, gaia):
        result = gaia.stars(limit=10)
        assert len(result) == 10
        assert result.truncated
        assert "TOP 10 " in result.provenance["adql"]

    def test_conditions_of_all_kinds(self, server, gaia):
        some = gaia.stars(limit=3)["source_id"].tolist()
        assert sorted(gaia.stars(source_id=some)["source_id"].tolist()) == sorted(some)
        assert (gaia.stars(ra=(None, 10), columns=["ra"])["ra"] <= 10).all()
        assert (gaia.stars(ra=(10 * u.deg, 600 * u.arcmin), columns="ra")["ra"] == 10).all()
        near = gaia.stars(where="t.ra < 5 OR t.ra > 355", dec=(0, None), columns=["ra", "dec"])
        assert ((near["ra"] < 5) | (near["ra"] > 355)).all()
        assert (near["dec"] >= 0).all()
        assert len(gaia.stars(parallax=None)) == 0

    def test_own_names_of_the_table(self, gaia):
        result = gaia.stars(columns=["rvs_spec_sig_to_noise", "RA"], limit=2)
        assert result.colnames == ["rvs_spec_sig_to_noise", "ra"]

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"snrr": (1, 2)}, "did you mean 'snr'"),
            ({"columns": ["source_idd"]}, "did you mean 'source_id'"),
            ({"ra": "x"}, "cannot compare with the text"),
            ({"limit": -1}, "a number of rows"),
            ({"good": True}, "recommends no cut"),
            ({"how": {"asynch": 1}}, "check the spelling"),
            ({"ids": [1], "limit": 3}, "cannot be combined"),
            ({"table": "gaiadr3.nothing"}, "lists no table"),
        ],
    )
    def test_mistakes_are_named(self, gaia, how, words):
        with pytest.raises(InvalidInput, match=words):
            gaia.stars(**how)

    @pytest.mark.parametrize("n", [0, 5, 120])
    def test_by_identifier_in_the_order_asked(self, server, gaia, n, monkeypatch):
        from stellarnb.archives.remote import queries as remote_stars

        monkeypatch.setattr(remote_stars, "IN_LIST", 20)  # more are sent along as a table
        monkeypatch.setattr(remote_stars, "IN_TABLE", 50)
        rng = np.random.default_rng(n)
        ids = rng.permutation(truth(server, ALL)["source_id"])[:n]
        asked_for = np.concatenate([ids, [7, 7, 8]])
        result = gaia.stars(ids=asked_for, columns=["source_id", "ra"])
        assert result["source_id"].tolist() == ids.tolist()
        assert result.missing == (7, 8)
        assert gaia.stars(ids=asked_for, columns=["ra"]).colnames == ["ra"]

    def test_by_the_identifiers_of_a_table(self, gaia):
        stars = gaia.stars(limit=4)
        again = gaia.stars(ids=stars, columns=["source_id"])
        assert again["source_id"].tolist() == stars["source_id"].tolist()

    def test_where_nothing_is_known_of_the_service(self, server, store, transport):
        from stellarnb.archives.registry import _service

        archive = RemoteArchive(_service(server.tap_url), store=store, transport=transport)
        assert len(archive.query(ADQL)) == 100
        with pytest.raises(MissingInput, match="no main table"):
            archive.stars(limit=3)
        found = archive.stars(table="mock.stars", limit=3)
        assert "source_id" in found.colnames
        assert "ra" in found.colnames


class TestCone:
    """`RemoteArchive.cone`."""

    @pytest.mark.parametrize("centre", [(83.0, -5.0), (0.0, 0.0), (10.0, 89.8), (200.0, -90.0)])
    def test_the_nearest_first(self, server, gaia, centre):
        result = gaia.cone(centre, 3 * u.deg)
        place = SkyCoord(*centre, unit="deg")
        everywhere = truth(server, "SELECT source_id, ra, dec FROM gaiadr3.gaia_source")
        apart = place.separation(SkyCoord(everywhere["ra"], everywhere["dec"], unit="deg")).deg
        wanted = everywhere["source_id"][np.argsort(apart)][: int((apart <= 3).sum())]
        assert result["source_id"].tolist() == wanted.tolist()
        assert gaia.cone(centre, 3, limit=2)["source_id"].tolist() == wanted[:2].tolist()
        assert gaia.cone(place, 3, columns=["parallax"]).colnames == ["parallax"]

    def test_nothing_there(self, gaia):
        assert len(gaia.cone((150, 60), 1e-7)) == 0

    @pytest.mark.parametrize(
        ("centre", "radius"),
        [((1, 100), 1), ((1, 2), -1), ((1, 2), 1 * u.kg), (3, 1), ((1, 2), 200)],
    )
    def test_no_cones(self, server, gaia, centre, radius):
        with pytest.raises(InvalidInput):
            gaia.cone(centre, radius)
        assert asked(server) == 0

    def test_a_name_is_looked_up_once(self, gaia, gaia_survey, store, monkeypatch):
        asked_for = []

        def coordinates(name):
            asked_for.append(name)
            return SkyCoord(83, -5, unit="deg")

        monkeypatch.setattr("astropy.coordinates.name_resolve.get_icrs_coordinates", coordinates)
        result = gaia.cone("M  67", 3 * u.deg)
        assert result["source_id"].tolist() == gaia.cone((83, -5), 3)["source_id"].tolist()
        gaia.cone("m 67", 3 * u.deg)
        assert asked_for == ["M 67"]
        there = RemoteArchive(gaia_survey, store=store, transport=Transport(offline=True))
        assert len(there.cone("M 67", 3 * u.deg)) == len(result)
        with pytest.raises(CacheMiss, match="NGC 188"):
            there.cone("NGC 188", 1)

    def test_a_name_that_nobody_knows_and_a_service_that_is_away(self, gaia, monkeypatch):
        from astropy.coordinates.name_resolve import NameResolveError

        said = iter(["Unable to find coordinates for name", "All Sesame queries failed. ..."])

        def coordinates(name):
            raise NameResolveError(next(said))

        monkeypatch.setattr("astropy.coordinates.name_resolve.get_icrs_coordinates", coordinates)
        with pytest.raises(InvalidInput, match="finds no object 'Nowhere'"):
            gaia.cone("Nowhere", 1)
        with pytest.raises(ArchiveDown, match="Sesame cannot be reached"):
            gaia.cone("M 67", 1)


class TestCrossmatch:
    """`RemoteArchive.crossmatch`."""

    def own(self, server, n: int = 40) -> dict[str, object]:
        stars = truth(
            server,
            "SELECT TOP 300 source_id, ra, dec FROM gaiadr3.gaia_source "
            "WHERE dec BETWEEN -60 AND 60 ORDER BY source_id",
        )
        return {
            "name": [f"star {i}" for i in range(n)],
            "ra": stars["ra"][:n] + 0.3 / 3600,
            "dec": stars["dec"][:n],
            "source_id": stars["source_id"][:n],
        }

    def test_the_same_pairs_as_on_this_machine(self, server, gaia, tmp_path):
        own = self.own(server)
        own["ra"][0] += 1
        result = gaia.crossmatch(own, 1 * u.arcsec, columns=["source_id", "parallax"])
        assert result["source_id_2"].tolist() == own["source_id"][1:].tolist()
        assert result["source_id"].dtype == np.int64
        assert result.missing == (own["source_id"][0],)
        assert (result["separation"] < 0.3001).all()
        everything = truth(server, "SELECT * FROM gaiadr3.gaia_source")
        everything.write(tmp_path / "gaia_source.parquet")
        local = open_archive(tmp_path).crossmatch(own, 1, columns=["source_id", "parallax"])
        assert local.arrow.drop_columns(["separation"]).equals(
            result.arrow.drop_columns(["separation"])
        )
        assert result.provenance["crossmatch"]["with_partner"] == 39

    def test_in_pieces(self, server, gaia, monkeypatch):
        from stellarnb.archives.remote import queries as remote_stars

        own = self.own(server)
        whole = gaia.crossmatch(own, 1)
        monkeypatch.setattr(remote_stars, "POSITIONS", 7)
        pieces = gaia.crossmatch(own, 1)
        assert pieces.arrow.equals(whole.arrow)
        assert pieces.provenance["pieces"] == 6

    def test_coordinates_without_a_table_and_nothing_near(self, gaia):
        places = SkyCoord([150.1, np.nan], [60, 2], unit="deg")
        result = gaia.crossmatch(places, 1e-3)
        assert len(result) == 0
        assert result.provenance["crossmatch"]["without_position"] == 1

    def test_where_no_tables_are_taken(self, gaia_survey, store, transport):
        archive = RemoteArchive(
            replace(gaia_survey, uploads=False), store=store, transport=transport
        )
        with pytest.raises(InvalidInput, match="takes no tables"):
            archive.crossmatch({"ra": [1.0], "dec": [2.0]})
        with pytest.raises(InvalidInput, match="takes no tables"):
            archive.query(ADQL, {"mine": {"x": [1]}})


class TestDescribed:
    """Tables, columns, check, spectra, login."""

    def test_tables_and_columns(self, gaia):
        assert "gaiadr3.gaia_source" in gaia.tables()["name"].tolist()
        columns = gaia.columns("gaiadr3.gaia_source")
        rows = {row["name"]: row for row in columns.arrow.to_pylist()}
        assert rows["ra"]["type"] == "double"
        assert rows["source_id"]["type"] == "int64"
        assert "table" in gaia.columns().colnames
        with pytest.raises(InvalidInput, match=r"lists no table 'x\.y'"):
            gaia.columns("x.y")

    def test_check_says_what_the_service_has(self, server, gaia):
        gaia.check()
        n = asked(server)
        rows = {(row["what"], row["check"]): row["ok"] for row in gaia.check().arrow.to_pylist()}
        assert asked(server) == n + 1  # whatever the cache has
        assert rows["gaiadr3.gaia_source", "is listed"]
        assert not rows["gaiadr3.astrophysical_parameters", "is listed"]
        assert rows["source_id", "is a 64-bit integer"]
        assert rows["snr", "is there"]
        assert not rows["phot_bp_mean_mag", "is there"]
        assert not rows["teff", "is there"]

    def test_spectra_through_datalink(self, server, gaia):
        mock = truth(server, "SELECT TOP 3 source_id FROM mock.stars")["source_id"]
        spectra = gaia.spectra(np.append(mock, 5), progress=False)
        assert spectra.source_id.tolist() == mock.tolist()
        assert spectra.missing == (5,)
        assert spectra.provenance["credits"] == list(gaia.survey.credits)
        assert gaia.products[0] == "rvs"
        with pytest.raises(InvalidInput, match="no product 'rvss'; did you mean 'rvs'"):
            gaia.spectra(mock, "rvss")

    def test_login_is_astroquerys_and_stays_secret(self, gaia_survey, store, monkeypatch, caplog):
        """A fake archive with a login; astroquery's own prompt is answered."""
        seen: list[tuple[str, str | None]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                seen.append((self.path, self.headers.get("Cookie")))
                if self.path.endswith("/login"):
                    good = "username=ada&password=pw" in body
                    self.send_response(200 if good else 401)
                    name = self.path.split("/")[1]
                    if good:
                        self.send_header("Set-Cookie", f"JSESSIONID={name}-s3cret; HttpOnly")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        httpd = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        home = f"http://127.0.0.1:{httpd.server_address[1]}"
        fake = _fake_astroquery(monkeypatch)
        try:
            survey = replace(
                gaia_survey, url=f"{home}/tap-server/tap", data=f"{home}/data-server/data"
            )
            archive = RemoteArchive(survey, store=store, transport=Transport(offline=False))
            monkeypatch.setattr("getpass.getpass", lambda prompt="": "wrong")
            with pytest.raises(InvalidInput, match="does not accept"):
                archive.login("ada")
            monkeypatch.setattr("getpass.getpass", lambda prompt="": "pw")
            archive.login("ada")
            with pytest.raises(QueryError):
                archive.query(ADQL)
            assert seen[-1] == ("/tap-server/tap/sync", "JSESSIONID=tap-server-s3cret")
            key = archive._runner.key(Query(ADQL), {})
            assert "s3cret" not in json.dumps(key) + repr(vars(archive)) + caplog.text
            assert "ada" not in json.dumps(key)
            archive.logout()
            with pytest.raises(QueryError):
                archive.query(ADQL)
            assert seen[-1][1] is None
        finally:
            httpd.shutdown()
            httpd.server_close()
        assert fake == ["http", "http"]

    def test_login_elsewhere_and_offline(self, gaia_survey, store):
        archive = open_archive("galah", cache=False, offline=True)
        with pytest.raises(InvalidInput, match="not support login"):
            archive.login()
        there = RemoteArchive(gaia_survey, store=store, transport=Transport(offline=True))
        with pytest.raises(CacheMiss):
            there.login()


def _fake_astroquery(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep astroquery's module from asking the real archive, and its login from needing TLS."""
    import http.client
    import sys
    import types

    from astroquery.utils.tap.conn import tapconn
    from astroquery.utils.tap.core import TapPlus

    used: list[str] = []

    class GaiaClass(TapPlus):
        def __init__(self, *, tap_plus_conn_handler, datalink_handler, **how: object) -> None:
            super().__init__(url="http://127.0.0.1/tap", connhandler=tap_plus_conn_handler)
            self._data = datalink_handler

        def login(self, *, user: str) -> None:
            import requests

            try:
                TapPlus.login(self, user=user)
                TapPlus.login(self._data, user=user)
            except requests.HTTPError:
                return
            used.extend(["http", "http"])

    module = types.ModuleType("astroquery.gaia")
    module.GaiaClass = GaiaClass
    monkeypatch.setitem(sys.modules, "astroquery.gaia", module)
    monkeypatch.setattr(tapconn.httplib, "HTTPSConnection", http.client.HTTPConnection)
    return used


def test_the_public_door(server, monkeypatch, tmp_path):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path))
    monkeypatch.setenv("STELLARNB_OFFLINE", "0")
    archive = snb.open_archive("gaia", url=server.tap_url, data_url=server.data_url)
    assert len(archive.query(ADQL)) == 100
    assert Store().upkeep.list()["what"].tolist() != []
    server.faults.inject(Fault.MAINTENANCE)
    with pytest.raises(snb.StellarnbError):
        archive.query(ALL)
