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


def typescript_imports(source: Path) -> dict[str, set[str]]:
    """Return which modules each TypeScript module imports, types included."""
    graph = {}
    for path in source.rglob("*.ts"):
        names = re.findall(
            r"(?:from|import)\s*\(?\s*['\"](\.[^'\"]*)['\"]", path.read_text("utf-8")
        )
        targets = [(path.parent / name).resolve() for name in names]
        files = [t.with_name(f"{t.name}.ts") for t in targets] + [t / "index.ts" for t in targets]
        root = source.resolve()
        graph[str(path.relative_to(source))] = {
            str(file.relative_to(root)) for file in files if file.is_file()
        }
    return graph


def in_circles(graph: dict[str, set[str]]) -> set[str]:
    """Return the modules that import themselves by way of others."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        left = [start]
        while left:
            new = graph.get(left.pop(), set()) - found
            found |= new
            left += new
        return found

    return {module for module in graph if module in reached(module)}


def test_typescript_modules_do_not_import_in_circles() -> None:
    graph = typescript_imports(SOURCE / "src")
    assert "viewer/spectrum.ts" in graph["viewer/find_spectra.ts"]
    assert in_circles(graph) == set()


def test_a_circle_of_typescript_imports_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("import type { B } from './b';\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.ts").write_text("export { a } from '../a';\n")
    (tmp_path / "c.ts").write_text("import { a } from './a';\n")
    assert in_circles(typescript_imports(tmp_path)) == {"a.ts", "b/index.ts"}
