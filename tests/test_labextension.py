"""The JupyterLab extension as a package: what the wheel must carry, and what must agree."""

import json
import re
from pathlib import Path

import pytest

import stellarnb as snb
from tests.test_house import circles

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


def typescript_imports(folder: Path) -> dict[str, set[str]]:
    """Return what each TypeScript module imports of the others, types included."""
    pattern = re.compile(r"\b(?:from|import)\s*\(?\s*['\"](\.[^'\"]*)['\"]")
    graph: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.ts")):
        asked = [
            (path.parent / name).resolve() for name in pattern.findall(path.read_text("utf-8"))
        ]
        files = [f for a in asked for f in (a.with_name(f"{a.name}.ts"), a / "index.ts")]
        graph[path.relative_to(folder).as_posix()] = {
            f.relative_to(folder).as_posix() for f in files if f.is_file() and f != path
        }
    return graph


def test_circles_of_typescript_imports_are_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.ts").write_text("import type { B } from './deep';\n")
    (tmp_path / "deep" / "index.ts").write_text("export {\n  c\n} from './c';\n")
    (tmp_path / "deep" / "c.ts").write_text("const a = () => import('../a');\n")
    (tmp_path / "d.ts").write_text("import './a';\n")
    assert circles(typescript_imports(tmp_path)) == [["a.ts", "deep/c.ts", "deep/index.ts"]]


def test_no_circle_of_typescript_imports() -> None:
    # `generated` holds the tutorials, and only once the extension is built.
    graph = typescript_imports(SOURCE / "src")
    assert "viewer/spectrum.ts" in graph["viewer/find_spectra.ts"]
    assert circles(graph) == []
