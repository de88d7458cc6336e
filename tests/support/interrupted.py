"""Spectra fetched by two kernels that are killed: ``python -m tests.support.interrupted``.

A local server commits faults; two processes fetch the same stars into one cache; they are killed
(SIGKILL) in the middle and started again. In the end every spectrum has to be the server's, bit
for bit, and none may have been sent again after it was stored.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra.datalink import DataLink
from stellarnb.archives.spectra.fetch import fetch_spectra
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import ArchiveDown
from tests.support.archive_server import ArchiveServer, Fault, Limits, archive_server

__all__ = ["FAULTS", "Outcome", "main", "run"]

#: What strikes requests; together as often as is asked for.
FAULTS = (
    *(Fault.UNAVAILABLE, Fault.POOL_EMPTY, Fault.MAINTENANCE, Fault.ERROR_200),
    *(Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.WRONG_LENGTH, Fault.ENTITY_BOMB),
    *(Fault.MISSING_IDS, Fault.DUPLICATE_PRODUCTS, Fault.PATH_TRAVERSAL),
)
_SCOPE = "gaiadr3/rvs"
_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 1800.0


@dataclass
class Outcome:
    """What happened."""

    #: spectra, kernels: How many spectra were asked for, and by how many processes at once.
    spectra: int
    kernels: int
    #: How many processes were killed while they fetched.
    kills: int = 0
    #: How many processes ended with an error, and were started again.
    failures: int = 0
    #: How often each fault struck.
    faults: dict[str, int] = field(default_factory=dict)
    #: How many requests the server answered.
    requests: int = 0
    #: Spectra that are the server's, bit for bit, flux and error.
    equal: int = 0
    #: Spectra that are not in the cache.
    lost: int = 0
    #: Spectra that the server sent once more after they were stored.
    again: int = 0
    #: Spectra that the server sent more than once: refused answers, and those that were on their
    #: way to a process that was killed.
    more_than_once: int = 0
    #: Whether every file of the cache is what its sha256 says, and nothing was left over.
    sound: bool = False
    #: How long it took.
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return self.equal == self.spectra and not (self.lost or self.again) and self.sound


def run(
    spectra: int = 20_000,
    *,
    kills: int = 3,
    faults: float = 0.05,
    chunk: int = 100,
    kernels: int = 2,
    seed: int = 1,
) -> Outcome:
    """Fetch, kill, start again, and count."""
    limits = Limits(zip_level=0, retry_after=0)
    with (
        tempfile.TemporaryDirectory(prefix="stellarnb-interrupted-") as folder,
        archive_server(mock_stars=spectra, limits=limits) as server,
    ):
        for i, fault in enumerate(FAULTS):
            server.faults.inject(
                fault, probability=faults / len(FAULTS), where="data", seed=seed * 1000 + i
            )
        return _Run(server, Path(folder), spectra, kills, chunk, kernels).outcome()


class _Run:
    def __init__(
        self,
        server: ArchiveServer,
        folder: Path,
        spectra: int,
        kills: int,
        chunk: int,
        kernels: int,
    ) -> None:
        self.server = server
        self.folder = folder
        self.store = Store(folder)
        self.chunk = chunk
        self.kills = kills
        query = "SELECT source_id FROM mock.stars ORDER BY source_id"
        self.ids = server.store.query(query).arrow["source_id"].to_numpy()
        self.served: dict[int, int] = {}
        self.result = Outcome(spectra, kernels)

    def outcome(self) -> Outcome:
        """Do all of it."""
        start = time.monotonic()
        kernels = [self._start() for _ in range(self.result.kernels)]
        try:
            while any(kernel.poll() != 0 for kernel in kernels):
                stored = self._look()
                for i, kernel in enumerate(kernels):
                    if kernel.poll() not in {None, 0}:
                        self.result.failures += 1
                        kernels[i] = self._start()
                turn = self.result.kills
                if turn < self.kills and stored * (self.kills + 1) >= len(self.ids) * (turn + 1):
                    self._kill(kernels, turn % len(kernels))
                if time.monotonic() - start > _PATIENCE_SECONDS:
                    raise ArchiveDown("The kernels did not finish; look at what they wait for.")
                time.sleep(_POLL_SECONDS)
        finally:
            for kernel in kernels:
                kernel.kill()
                kernel.wait()
        self.result.seconds = round(time.monotonic() - start, 1)
        self._count()
        return self.result

    def _start(self) -> subprocess.Popen[bytes]:
        kernel = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.support.kernel"),
                *(self.server.data_url, str(self.folder), str(self.chunk)),
            ],
            stdin=subprocess.PIPE,
        )
        assert kernel.stdin is not None
        kernel.stdin.write(json.dumps(self.ids.tolist()).encode())
        kernel.stdin.close()
        return kernel

    def _kill(self, kernels: list[subprocess.Popen[bytes]], turn: int) -> None:
        """Kill one that is at work, and start another in its place."""
        if kernels[turn].poll() is not None:
            return
        kernels[turn].kill()
        kernels[turn].wait()
        self.result.kills += 1
        self._look()
        kernels[turn] = self._start()

    def _look(self) -> int:
        """Note for each spectrum, as soon as it is stored, how often it was sent until then."""
        here = self.ids[self.store.stars.find(_SCOPE, self.ids).here].tolist()
        for star in here:
            if star not in self.served:
                self.served[star] = self.server.log.served["RVS", star]
        return len(here)

    def _count(self) -> None:
        """Compare what the cache has with what the server has."""
        result = self.result
        truth = self.server.store.spectra(self.ids, "RVS")
        link = DataLink((self.server.data_url,))
        mine = fetch_spectra(
            link,
            self.ids[self.store.stars.find(_SCOPE, self.ids).here],
            "rvs",
            store=self.store,
            transport=Transport(offline=True),
        )
        result.lost = len(self.ids) - len(mine)
        rows = np.searchsorted(self.ids, mine.source_id)
        assert truth.error is not None and mine.error is not None  # noqa: PT018 - RVS has
        same = [
            (mine_.view(np.uint32) == truth_[rows].view(np.uint32)).all(axis=1)
            for mine_, truth_ in ((mine.flux, truth.flux), (mine.error, truth.error))
        ]
        result.equal = int((same[0] & same[1]).sum())
        sent = self.server.log.served
        result.again = sum(sent["RVS", star] > count for star, count in self.served.items())
        result.more_than_once = sum(count > 1 for count in sent.values())
        result.faults = {fault.word: n for fault, n in self.server.faults.struck.items()}
        result.requests = self.server.log.count("data")
        left = list(self.store.parts.iterdir())
        result.sound = self.store.upkeep.verify().sound and len(left) <= result.kills


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and print what happened as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.interrupted", description=__doc__
    )
    parser.add_argument("--spectra", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--faults", type=float, default=0.05, help="share of requests")
    parser.add_argument("--chunk", type=int, default=100, help="spectra a request")
    parser.add_argument("--kernels", type=int, default=2)
    options = parser.parse_args(arguments)
    outcome = run(
        options.spectra,
        kills=options.kills,
        faults=options.faults,
        chunk=options.chunk,
        kernels=options.kernels,
    )
    sys.stdout.write(json.dumps({**asdict(outcome), "good": outcome.good}) + "\n")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
