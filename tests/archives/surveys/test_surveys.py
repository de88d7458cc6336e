"""What the registry says of each survey, and what is found out of others."""

import numpy as np
import pyarrow as pa
import pytest

from stellarnb.archives import open_archive
from stellarnb.archives.base.catalog import ColumnInfo
from stellarnb.archives.registry import archive_names
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.surveys import Survey, discover
from stellarnb.archives.tap.votable import Answer
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import InvalidInput, MissingInput, QueryError
from stellarnb.tables.names import SURVEYS

NAMES = [name for name in archive_names() if name != "sample"]
#: The project's names, which each survey's columns must be among.
LABELS = "teff logg m_h fe_h alpha_m mg_fe si_fe al_fe ni_fe a_li".split()  # noqa: SIM905
ALLOWED = {
    *LABELS,
    *(f"{label}_error" for label in LABELS),
    *("source_id", "ra", "dec", "parallax", "parallax_error", "pmra", "pmdec", "snr", "ruwe"),
    *("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "radial_velocity"),
    *("radial_velocity_error", "has_rvs", "has_xp_continuous", "has_xp_sampled"),
    *("nu_eff_used_in_astrometry", "pseudocolour", "ecl_lat", "astrometric_params_solved"),
    *("flags_gspspec", "teff_gspphot", "logg_gspphot", "mh_gspphot", "aspcapflag", "flag_sp"),
    *("apogee_id", "telescope", "field", "rave_obs_id", "spectrum_fits", "cname", "sobject_id"),
    *("distance", "distance_error", "av", "mass", "fidelity", "sh_outflag"),
}


def survey(name: str) -> Survey:
    return open_archive(name, cache=False, offline=True).survey


class FakeTap:
    """A TAP service of a few tables: answers questions about them, and notes the others."""

    def __init__(self, tables: dict[str, list[tuple[str, str, str]]], rows: pa.Table | None = None):
        self.url = "https://a.org/tap"
        self.host = "a.org"
        self.transport = Transport(offline=False)
        self.tables = tables
        self.rows = rows
        self.asked: list[str] = []
        self.silent = False

    def sync(self, query, *, budget, cancel, watch) -> Answer:
        adql = query.adql
        if "tap_schema" in adql and self.silent:
            raise QueryError("no TAP_SCHEMA here")
        if "tap_schema.tables" in adql:
            names = list(self.tables)
            columns = {
                "table_name": names,
                "table_type": [""] * len(names),
                "description": [""] * len(names),
            }
        elif "tap_schema.columns" in adql:
            wanted = [n for n in self.tables if f"'{n}'" in adql]
            rows = [(n, *column) for n in wanted for column in self.tables[n]]
            names = ("table_name", "column_name", "datatype", "ucd")
            columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
            columns |= {"description": [""] * len(rows), "unit": ["deg"] * len(rows)}
        else:
            self.asked.append(adql)
            return Answer(self.rows or pa.table({"x": [1]}), {}, {}, overflow=False)
        return Answer(pa.table(columns), {}, {}, overflow=False)


def archive(tap: FakeTap, known: Survey) -> RemoteArchive:
    out = RemoteArchive(known, cache=False, transport=tap.transport)
    out._runner.tap = tap
    out._runner.survey = known
    return out


@pytest.mark.parametrize("name", NAMES)
def test_each_survey_opens_without_a_network(name):
    opened = open_archive(name, cache=False, offline=True)
    assert opened.name == name
    assert opened.survey.url.startswith("https://")
    assert opened.cite()
    assert opened.survey.documented
    assert name in repr(opened)


@pytest.mark.parametrize("name", NAMES)
def test_columns_have_the_projects_names(name):
    assert set(survey(name).columns) <= ALLOWED


@pytest.mark.parametrize("name", [n for n in NAMES if not survey(n).discover])
def test_each_column_is_in_a_table_that_is_there(name):
    known = survey(name)
    aliases = {part.alias for part in known.parts}
    assert known.main.alias == "t"
    for label, places in known.columns.items():
        for place in places:
            assert place.startswith("(") or place.split(".")[0] in aliases, label
    for part in known.parts[1:]:
        assert part.on.startswith("t.")
        assert f"{part.alias}." in part.on


def test_labels_are_compared_under_the_same_columns():
    known = {"gsp-spec": "gaia", "galah": "galah", "starhorse": "starhorse"}
    for theirs, name in known.items():
        for label, column in SURVEYS[theirs].items():
            assert survey(name).columns[label][0].endswith(f".{column}"), (name, label)


APOGEE = {
    '"III/286/catalog"': [
        ("APOGEE", "char", ""),
        ("GaiaEDR3", "long", "meta.id"),
        ("RAJ2000", "double", ""),
        ("DEJ2000", "double", ""),
        ("Tel", "char", ""),
        ("Field", "char", ""),
        ("SNR", "float", ""),
        ("Teff", "float", ""),
        ('"[M/H]"', "float", ""),
        ("e_[M/H]", "float", ""),
        ("ALPHA_M", "float", ""),
    ]
}


def test_names_are_those_that_the_service_has():
    tap = FakeTap(APOGEE)
    apogee = archive(tap, survey("apogee"))
    assert apogee.label_columns["m_h"] == 't."[M/H]"'
    assert apogee.label_columns["alpha_m"] == "t.ALPHA_M"
    assert "logg" not in apogee.label_columns
    apogee.stars(snr=(70, None), limit=5, columns=["source_id", "m_h", "alpha_m"])
    assert tap.asked[0] == (
        'SELECT TOP 6 t.GaiaEDR3 AS source_id, t."[M/H]" AS m_h, t.ALPHA_M AS alpha_m '
        'FROM "III/286/catalog" AS t WHERE t.SNR >= 70'
    )
    with pytest.raises(InvalidInput, match="no column 'logg'"):
        apogee.stars(columns=["logg"])


def test_where_the_service_cannot_tell_the_first_names_hold():
    tap = FakeTap({})
    tap.silent = True
    apogee = archive(tap, survey("apogee"))
    apogee.stars(columns=["alpha_m"], limit=1)
    assert 't."[a/M]" AS alpha_m' in tap.asked[0]


def test_tables_are_joined_only_where_they_are_needed():
    tap = FakeTap({})
    tap.silent = True
    gaia = archive(tap, survey("gaia"))
    gaia.stars(has_rvs=True, limit=1)
    assert "astrophysical_parameters" not in tap.asked[-1]
    gaia.stars(columns=["source_id", "teff"], m_h=(-1, None), limit=1)
    assert tap.asked[-1] == (
        "SELECT TOP 2 t.source_id AS source_id, p.teff_gspspec AS teff FROM gaiadr3.gaia_source AS "
        "t LEFT JOIN gaiadr3.astrophysical_parameters AS p ON t.source_id = p.source_id "
        "WHERE p.mh_gspspec >= -1"
    )
    starhorse = archive(tap, survey("starhorse"))
    starhorse.stars(columns=["distance", "teff_error"], good=True, limit=1)
    assert tap.asked[-1] == (
        'SELECT TOP 2 t.dist50 AS "distance", (t.teff84 - t.teff16) / 2 AS teff_error FROM '
        "gaiaedr3_contrib.starhorse AS t WHERE (t.sh_outflag = '0000')"
    )
    eso = archive(tap, survey("gaia-eso"))
    eso.cone((10, 20), 1, columns=["teff"], limit=1)
    assert "CONTAINS(POINT('', t.RA, t.DECLINATION), CIRCLE('', 10.0, 20.0, 1.0))" in tap.asked[-1]


PAPER = {
    "J/A+A/682/A9/refs": [("Name", "char", "")],
    "J/A+A/682/A9/catalog": [
        ("recno", "int", "meta.record"),
        ("GaiaDR3", "BIGINT", "meta.id;meta.main"),
        ("RA_ICRS", "double", "pos.eq.ra;meta.main"),
        ("DE_ICRS", "double", "pos.eq.dec;meta.main"),
        ("S/N", "float", "stat.snr"),
        ("Teff", "float", "phys.temperature.effective"),
        ("e_Teff", "float", "stat.error"),
        ("logg", "float", "phys.gravity"),
        ("[M/H]", "float", "phys.abund.Z"),
        ("e_[M/H]", "float", "stat.error"),
        ("[alpha/M]", "float", ""),
        ("[Fe/H]", "float", ""),
        ("flag_boundary", "VARCHAR(8)", ""),
    ],
}


def test_a_papers_table_is_discovered():
    tap = FakeTap(PAPER)
    cnn = archive(tap, survey("rvs-cnn"))
    assert cnn.label_columns == {
        "source_id": "t.GaiaDR3",
        "ra": "t.RA_ICRS",
        "dec": "t.DE_ICRS",
        "snr": 't."S/N"',
        "teff": "t.Teff",
        "logg": "t.logg",
        "m_h": 't."[M/H]"',
        "fe_h": 't."[Fe/H]"',
        "alpha_m": 't."[alpha/M]"',
        "boundary": "t.flag_boundary",
        "teff_error": "t.e_Teff",
        "m_h_error": 't."e_[M/H]"',
    }
    cnn.stars(boundary="00000000", snr=(15, 25), limit=1)
    assert 'FROM "J/A+A/682/A9/catalog" AS t' in tap.asked[-1]
    assert "t.flag_boundary = '00000000' AND t.\"S/N\" BETWEEN 15 AND 25" in tap.asked[-1]


def test_a_catalogue_that_is_not_there():
    with pytest.raises(InvalidInput, match=r"lists no table of 'J/A\+A/1/1'"):
        archive(FakeTap(PAPER), survey("J/A+A/1/1")).stars(limit=1)


def test_other_tables_of_a_service_are_discovered_too():
    tap = FakeTap(PAPER | {"other.stars": [("Source", "long", ""), ("Plx", "float", "")]})
    cnn = archive(tap, survey("rvs-cnn"))
    cnn.stars(table="other.stars", limit=1)
    assert tap.asked[-1] == (
        "SELECT TOP 2 t.Source AS source_id, t.Plx AS parallax FROM other.stars AS t"
    )
    with pytest.raises(MissingInput, match=r"No ra and dec is known in other\.stars"):
        cnn.cone((1, 2), 1, table="other.stars")


def info(name: str, kind: str) -> ColumnInfo:
    return ColumnInfo(name.lower(), kind)


@pytest.mark.parametrize(
    ("columns", "label", "place"),
    [
        ({"DR3Name": "char", "Source": "int64"}, "source_id", "t.Source"),
        ({"GaiaEDR3": "string"}, "source_id", None),
        ({"GaiaEDR3": "double"}, "source_id", None),
        ({"gaiadr3_source_id": "long"}, "source_id", "t.gaiadr3_source_id"),
        ({"Teff": "string"}, "teff", None),
        ({"A(Li)": "float"}, "a_li", "t.A(Li)"),
        ({"[Mg/Fe]": "float"}, "mg_fe", "t.[Mg/Fe]"),
        ({"MH": "float"}, "m_h", "t.MH"),
        ({"log(g)": "float"}, "logg", "t.log(g)"),
    ],
)
def test_discovery(columns, label, place):
    found = discover({name: info(name, kind) for name, kind in columns.items()}, {})
    assert found.get(label) == place


def test_discovery_by_ucd_only_where_it_is_certain():
    columns = {"Tspec": info("tspec", "float"), "Tphot": info("tphot", "float")}
    ucds = {"Tspec": "phys.temperature.effective", "Tphot": "phys.temperature.effective"}
    assert "teff" not in discover(columns, ucds)
    ucds["Tspec"] += ";meta.main"
    assert discover(columns, ucds)["teff"] == "t.Tspec"


@pytest.mark.parametrize("kind", [pa.int32(), pa.string(), pa.uint64()])
def test_identifiers_are_whole_however_they_are_sent(kind):
    rows = pa.table({"source_id": pa.array([5, 6, None]).cast(kind)})
    tap = FakeTap({}, rows)
    tap.silent = True
    result = archive(tap, survey("galah")).stars(columns=["source_id"], limit=9)
    assert result.arrow["source_id"].to_pylist() == [5, 6, None]
    assert result.arrow["source_id"].type == pa.int64()


def test_identifiers_as_floats_are_refused():
    tap = FakeTap({}, pa.table({"source_id": [5.0]}))
    tap.silent = True
    with pytest.raises(Exception, match="floating-point"):
        archive(tap, survey("galah")).stars(columns=["source_id"], limit=9)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("J/A+A/671/A61", "J/A+A/671/A61"),
        ("vizier:I/355", "I/355"),
        ("V/156/dr7slrs", "V/156/dr7slrs"),
        ("J/MNRAS/506/150/stars", "J/MNRAS/506/150/stars"),
        ("https://gaia.ari.uni-heidelberg.de/tap", "gaia.ari.uni-heidelberg.de"),
    ],
)
def test_other_archives_by_name(name, title):
    assert open_archive(name, cache=False, offline=True).name == title


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"name": "gaja"}, "did you mean 'gaia'"),
        ({"name": "https://"}, "not the address of a TAP service"),
        ({"name": "file:///etc/passwd"}, "not the address of a TAP service"),
        ({"name": "gaia", "mirror": "arr"}, "did you mean 'ari'"),
        ({"name": "galah", "mirror": "ari"}, r"mirrors: none"),
        ({"name": "sample", "url": "https://x"}, "applies only to remote archives"),
        ({"name": 3}, "text or a path"),
        ({"name": "J/A+A"}, "no folder"),
    ],
)
def test_no_archive_of_this_name(how, words):
    with pytest.raises(InvalidInput, match=words):
        open_archive(**how)


def test_a_folder_wins_over_a_catalogue_of_its_name(tmp_path, monkeypatch):
    from stellarnb.tables import Result

    (tmp_path / "I" / "355").mkdir(parents=True)
    Result({"x": np.arange(3)}).write(tmp_path / "I" / "355" / "t.parquet")
    monkeypatch.chdir(tmp_path)
    assert len(open_archive("I/355").query("SELECT * FROM t")) == 3
    assert open_archive("vizier:I/355", cache=False, offline=True).survey.discover


def test_mirrors_have_the_same_data_elsewhere():
    ari = open_archive("gaia", mirror="ari", cache=False, offline=True).survey
    assert ari.url == "https://gaia.ari.uni-heidelberg.de/tap"
    assert ari.columns == survey("gaia").columns
    assert ari.data == survey("gaia").data
    assert not ari.login
    vizier = open_archive("gaia", mirror="vizier", cache=False, offline=True).survey
    assert vizier.main.name == '"I/355/gaiadr3"'
    assert vizier.discover


def test_spectra_of_surveys_without_any():
    with pytest.raises(InvalidInput, match="no spectra that stellarnb can fetch"):
        open_archive("starhorse", cache=False, offline=True).spectra([1])


def test_spectra_need_what_their_files_are_called_by():
    tap = FakeTap(APOGEE)
    apogee = archive(tap, survey("apogee"))
    with pytest.raises(MissingInput, match="finds spectra by apogee_id, field, telescope"):
        apogee.spectra(pa.table({"x": [1]}))
    with pytest.raises(MissingInput, match="finds spectra by cname"):
        archive(tap, survey("gaia-eso")).spectra(pa.table({"x": [1]}))
    with pytest.raises(InvalidInput, match="no product 'apstars'; did you mean 'apstar'"):
        apogee.spectra([1], "apstars")


def test_identifiers_alone_are_looked_up_for_spectra(server, store, tmp_path):
    """APOGEE's files are found through its catalogue where only source_ids are given."""
    rows = pa.table(
        {
            "source_id": [4, 5],
            "apogee_id": ["2M00000001+0000001", "2M00000002+0000002"],
            "telescope": ["apo25m", "apo25m"],
            "field": ["M67", "M67"],
        }
    )
    tap = FakeTap(APOGEE, rows)
    from dataclasses import replace

    known = replace(survey("apogee"), files=server.files_url)
    apogee = RemoteArchive(known, store=store, transport=tap.transport)
    apogee._runner.tap = tap
    spectra = apogee.spectra([4, 5], progress=False)
    assert len(spectra) == 0
    assert spectra.missing == (4, 5)  # the server has none of these files
    asked = [entry.path for entry in server.log.requests]
    assert any("aspcapStar-dr17-2M00000001" in path for path in asked)
