"""The JupyterLab extension as a package: what the wheel must carry, and what must agree."""

import json
import re
from pathlib import Path

import pytest

import stellarnb as snb

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "stellarnb" / "labextension"


@pytest.fixture(scope="module")
def package():
    return json.loads((SOURCE / "package.json").read_text("utf-8"))


def test_python_and_javascript_have_one_version_and_one_licence(package) -> None:
    assert package["version"] == snb.__version__
    assert package["license"] == "BSD-3-Clause"
    assert json.loads((SOURCE / "install.json").read_text("utf-8"))["packageName"] == "stellarnb"


def test_no_file_names_a_host_to_download_from() -> None:
    for name in ("yarn.lock", "package.json", ".yarnrc.yml"):
        assert not re.search(r"https?://|resolved", (SOURCE / name).read_text("utf-8"))


def test_the_kernel_and_the_panel_speak_of_the_same() -> None:
    from stellarnb import kernel_state

    state = (SOURCE / "src" / "kernel" / "state.ts").read_text("utf-8")
    link = (SOURCE / "src" / "kernel" / "link.ts").read_text("utf-8")
    assert f"PROTOCOL = {kernel_state.PROTOCOL};" in state
    assert f"TARGET = '{kernel_state.TARGET}'" in link
    assert kernel_state.__name__ in link
    assert kernel_state.listen.__name__ in link


def test_the_sources_make_no_markup_of_data_and_load_nothing() -> None:
    for path in sorted((SOURCE / "src").rglob("*.ts")):
        text = path.read_text("utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        )
        hosts = set(re.findall(r"https?://([^/'\"\s]+)", text))
        # The name of SVG itself, which nobody fetches.
        assert hosts <= {"www.w3.org"}, f"{path.name} names {hosts}"
