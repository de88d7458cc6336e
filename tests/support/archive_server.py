"""A TAP and DataLink server on loopback: ``python -m tests.support.archive_server``.

It stands in for Gaia's archive, well or broken on purpose, over the embedded sample or a folder
of Parquet files. Spectra of RVS are made up unless the folder has some.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from stellarnb.errors import StellarnbError
from tests.support.server.app import Limits
from tests.support.server.faults import KINDS, Fault, parse_fault
from tests.support.server.running import ArchiveServer, archive_server

__all__ = ["ArchiveServer", "Fault", "Limits", "archive_server", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        faults = [parse_fault(text) for text in options.fault]
        with archive_server(
            options.folder,
            port=options.port,
            mock_stars=options.mock_stars,
            limits=Limits(max_rows=options.max_rows, job_seconds=options.job_seconds),
        ) as server:
            for fault, more in faults:
                server.faults.inject(fault, **more, seed=options.seed)
            sys.stdout.write(f"TAP       {server.tap_url}\nDataLink  {server.data_url}\n")
            sys.stdout.write("Ctrl-C ends it.\n")
            sys.stdout.flush()
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
    except StellarnbError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(f"  {fault.word:20}{fault.what}" for fault in Fault)
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.archive_server",
        description="A TAP and DataLink server on 127.0.0.1, for tests.",
        epilog=f"faults:\n{faults}\nkinds of requests: {', '.join(sorted(KINDS))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="a free one if omitted")
    parser.add_argument("--folder", help="Parquet files to serve instead of the embedded sample")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:TIMES][@PROBABILITY][/WHERE]",
        help="what goes wrong; may be given several times",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the faults' dice")
    parser.add_argument(
        "--mock-stars", type=int, default=200, help="made-up stars with RVS spectra"
    )
    parser.add_argument("--max-rows", type=int, default=Limits.max_rows)
    parser.add_argument("--job-seconds", type=float, default=0.0, help="how long a job takes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
