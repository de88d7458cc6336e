"""Phrases that the style guide replaces: ``python .ci/check_words.py [PATH …]`` prints where they stand.

With no path: the package, the documentation and the notebooks. Exit 1 if any is found.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What is read by people: sources, documentation, notebooks, front ends.
SUFFIXES = {".py", ".pyi", ".md", ".ipynb", ".toml", ".js", ".ts", ".mjs", ".json"}
PLACES = (
    "stellarnb", "benchmarks", "docs", "notebooks", "README.md", "CONTRIBUTING.md", "CHANGELOG.md",
)  # fmt: skip
SKIP = {"node_modules", "built", "lib", "_build", "generated", "test"}
PHRASES = [
    r"where (?:it is |they are |one is |none is )?not given",
    r"\bin words\b",
    r"\b(?:says|said|say|saying) so\b",
    r"\bwith a word\b|, a word\b",
    r"\blooks? whether\b|\bsee whether\b",
    r"(?<!there )(?<!There )\b(?:is|are) no (?!longer|more\b|less\b|such\b)[a-z`*]+",
    r"\bwhat one finds\b",
    r"\bnothing else is said\b|\bnothing is said\b",
    r"\bthe server went on at another place\b",
    r"\blies on this machine\b",
    r"\bNo brush\b|\bnamed as\b|\bMake it again\b",
    r"\bwhole columns may be absent\b",
    r"\bcannot look at a switch\b",
    r"\bone character a label\b",
    r"\bEverything in the package works without\b",
    r"\bFilters are a dict\b",
    r"\bshall be\b",
]
#: Lines that are right as they stand, each as a part of its text.
RIGHT: tuple[str, ...] = ()
PATTERN = re.compile("|".join(f"(?:{p})" for p in PHRASES))


def texts(places: list[Path]) -> list[Path]:
    """Return the files below some places that people read."""
    found = []
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            inside = file.relative_to(place).parts
            if file.is_file() and file.suffix in SUFFIXES and not SKIP & set(inside):
                found.append(file)
    return found


def main(arguments: list[str]) -> int:
    """Print each line with one of the phrases; return 1 if there is any."""
    places = [Path(a).resolve() for a in arguments] or [ROOT / place for place in PLACES]
    count = 0
    for file in texts(places):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            match = PATTERN.search(line)
            if match and not any(part in line for part in RIGHT):
                count += 1
                print(f"{file.relative_to(ROOT)}:{number}: {match[0]!r} in {line.strip()[:110]}")
    print(f"{count} phrases to replace")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
