"""The house: no circles of imports, no crowded folder, no overlong module.

``python tests/test_house.py`` prints the figures.
"""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "stellarnb"
#: Limits of CONTRIBUTING; readers may have a module for each family of formats.
LINES, MODULES, ALL_LINES, ROOMY = 700, 14, 52_000, {"readers"}


def sources(package: Path) -> list[Path]:
    """Return the Python files of a package, without what the extension's build fetches."""
    return [p for p in sorted(package.rglob("*.py")) if "node_modules" not in p.parts]


def modules(package: Path) -> dict[str, Path]:
    """Return the Python modules of a package by their dotted names."""
    found = {}
    for path in sources(package):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(known: dict[str, Path]) -> dict[str, set[str]]:
    """Return what each module imports of the others: at its top, in functions, for types alone."""
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                parts = [f"{node.module}.{alias.name}" for alias in node.names]
                asked = [part if part in known else str(node.module) for part in parts]
            elif isinstance(node, ast.Import):
                asked = [alias.name for alias in node.names]
            else:
                continue
            graph[name].update(other for other in asked if other in known and other != name)
    return graph


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, however far around (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in graph[name]:
            if other not in number:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], number[other])
        if low[name] == number[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in number:
            visit(name)
    return found


def line_counts() -> dict[str, int]:
    """Return the lines of each module of the package."""
    return {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in sources(PACKAGE)
    }


def crowds() -> Counter[str]:
    """Return the number of modules in each folder of the package."""
    return Counter(str(path.parent.relative_to(ROOT)) for path in sources(PACKAGE))


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]


def test_no_circle_of_imports() -> None:
    assert circles(imports(modules(PACKAGE))) == []


def test_no_folder_is_crowded() -> None:
    crowded = {f: n for f, n in crowds().items() if n > MODULES and Path(f).name not in ROOMY}
    assert crowded == {}


def test_no_module_is_too_long() -> None:
    assert {f: n for f, n in line_counts().items() if n > LINES} == {}


def test_the_package_stays_small() -> None:
    assert sum(line_counts().values()) <= ALL_LINES


if __name__ == "__main__":
    counted = line_counts()
    longest = max(counted, key=lambda f: counted[f])
    fullest = max(crowds(), key=lambda f: crowds()[f])
    found = circles(imports(modules(PACKAGE)))
    print(f"modules: {len(counted)}, lines: {sum(counted.values())} (at most {ALL_LINES})")
    print(f"longest module: {longest}, {counted[longest]} lines (at most {LINES})")
    print(f"fullest folder: {fullest}, {crowds()[fullest]} modules (at most {MODULES})")
    print(f"circles of imports: {len(found)}", *found, sep="\n  ")
