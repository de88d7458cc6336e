"""A process that fetches RVS spectra into a cache, for `tests.support.interrupted` to kill."""

from __future__ import annotations

import json
import sys

import numpy as np

from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra.datalink import DataLink
from stellarnb.archives.spectra.fetch import fetch_spectra
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import StellarnbError

__all__ = ["main"]


def main(url: str, folder: str, chunk: str) -> int:
    """Fetch the spectra of the stars that standard input names, as a list in JSON."""
    ids = np.array(json.load(sys.stdin), dtype=np.int64)
    link = DataLink((url,), chunk=int(chunk))
    try:
        fetch_spectra(link, ids, "rvs", store=Store(folder), transport=Transport(), progress=False)
    except StellarnbError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
