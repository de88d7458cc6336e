import subprocess
import sys

import pytest

import stellarnb as snb
from benchmarks.imports import HEAVY


def test_import_loads_no_heavy_package() -> None:
    code = f"import stellarnb, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [n for n in dir(snb) if not n.startswith("_")])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(snb, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        snb.no_such_name  # noqa: B018
