"""Check that the wheel carries what a user needs, and nothing that belongs to others."""

import sys
import zipfile
from pathlib import Path

VERSION = Path("stellarnb/__init__.py").read_text("utf-8").split('__version__ = "')[1].split('"')[0]
EXTENSION = f"stellarnb-{VERSION}.data/data/share/jupyter/labextensions/stellarnb/"
NEEDED = (
    "stellarnb/py.typed",
    "stellarnb/__init__.pyi",
    "stellarnb/archives/sample/stars.parquet",
    "stellarnb/archives/sample/apogee.parquet",
    "stellarnb/archives/sample/xp_sampled.parquet",
    "stellarnb/models/cards/rave-guiglion2020.toml",
    *(
        f"stellarnb/models/{part}"
        for name in ("gaia-rvs", "ges-lithium", "rave", "xp-apogee")
        for part in (f"cards/{name}.toml", f"weights/{name}.safetensors")
    ),
    "stellarnb/notebooks/00_tour.ipynb",
    "stellarnb/spectra/instruments.toml",
    *(
        f"{EXTENSION}{name}"
        for name in (
            "install.json",
            "package.json",
            "schemas/stellarnb/plugin.json",
            "static/style.js",
            "static/third-party-licenses.json",
        )
    ),
)
#: Largest size in MB of all whose name begins so.
LIMITS = {
    "stellarnb/archives/sample/": 8.0,
    "stellarnb/models/weights/xp-apogee": 8.0,
    "stellarnb/models/weights/": 28.0,
    EXTENSION: 4.0,
}
FORBIDDEN = (".pkl", ".pickle", ".pt", ".pth", ".h5", ".pyc", ".ts", "yarn.lock")


def main(path: Path) -> None:
    """Raise SystemExit with every fault of the wheel."""
    with zipfile.ZipFile(path) as wheel:
        sizes = {entry.filename: entry.file_size for entry in wheel.infolist()}
    faults = [f"missing: {name}" for name in NEEDED if name not in sizes]
    faults += [f"does not belong: {name}" for name in sizes if name.endswith(FORBIDDEN)]
    # The built extension carries the bundle itself under a name with a hash.
    if not any(name.startswith(f"{EXTENSION}static/remoteEntry.") for name in sizes):
        faults.append(f"missing: {EXTENSION}static/remoteEntry.*.js")
    for folder, limit in LIMITS.items():
        total = sum(size for name, size in sizes.items() if name.startswith(folder)) / 1e6
        print(f"{folder} {total:.2f} MB of {limit:g}")
        if total > limit:
            faults.append(f"{folder} holds {total:.2f} MB, more than {limit:g}")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{path.name}: {len(sizes)} files, {path.stat().st_size / 1e6:.1f} MB, complete")


main(Path(sys.argv[1]))
