"""Under what the cache keeps answers and spectra: a cache of an older version must stay of use."""

import json
import sqlite3
from contextlib import closing

from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.archive import RemoteArchive
from tests.support.archive_server import ArchiveServer


def test_keys_are_those_of_version_0_1(
    gaia: RemoteArchive, server: ArchiveServer, store: Store
) -> None:
    query = (
        "select top 3 source_id,ra from gaiadr3.gaia_source where has_rvs='t' order by source_id"
    )
    stars = gaia.query(query)
    gaia.spectra(stars, product="rvs")
    with closing(sqlite3.connect(store.folder / "index.sqlite")) as db:
        keys = [json.loads(key) for (key,) in db.execute("SELECT key FROM entries")]
        scopes = [name for (name,) in db.execute("SELECT name FROM scopes")]
    assert keys == [
        {
            "adql": "select top 3 source_id , ra from gaiadr3.gaia_source where has_rvs = 't' "
            "order by source_id",
            "maxrec": None,
            "release": "Gaia DR3",
            "service": server.tap_url,
            "uploads": {},
        }
    ]
    assert scopes == ["gaiadr3/rvs"]
