"""Write the link to Binder into the README and each notebook; ``--check`` only looks.

Where the repository lies is in ``where.toml``, and nowhere else.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
#: The folder on Binder that the notebooks are fetched into; not the repository's own name, since
#: the image has a folder of that name already.
FOLDER = "course"
WORDS = "Open this notebook on Binder"
_LINE = re.compile(rf"\n*\[{WORDS}\]\([^)]*\)")
_README = re.compile(r"\[!\[Binder\]\([^)]*\)\]\([^)]*\)")


def where() -> dict[str, str]:
    """Return owner/name, and the branches of environment and content."""
    return tomllib.loads((ROOT / "binder" / "where.toml").read_text("utf-8"))


def link(notebook: str) -> str:
    """Return the address that opens a notebook (``notebooks/x.ipynb``) on Binder.

    Binder runs the image of the environment's branch; nbgitpuller fetches the content into it.
    """
    place = where()
    source = quote(f"https://github.com/{place['repository']}", safe="")
    opened = quote(f"lab/tree/{FOLDER}/{notebook}", safe="")
    pull = (
        f"git-pull?repo={source}&branch={quote(place['content'], safe='')}"
        f"&targetPath={FOLDER}&urlpath={opened}"
    )
    image = (
        f"https://mybinder.org/v2/gh/{place['repository']}/{quote(place['environment'], safe='')}"
    )
    return f"{image}?urlpath={quote(pull, safe='')}"


def line(notebook: str) -> str:
    """Return the last line of a notebook's first cell: text, as a picture would be fetched."""
    return f"[{WORDS}]({link(notebook)})"


def notebook_text(path: Path) -> str:
    """Return the text of a notebook's file as it should be."""
    text = path.read_text("utf-8")
    notebook = json.loads(text)
    first = notebook["cells"][0]
    source = _LINE.sub("", "".join(first["source"])).rstrip()
    first["source"] = f"{source}\n\n{line(f'notebooks/{path.name}')}".splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def readme_text(path: Path) -> str:
    """Return the text of the README as it should be: its badge is a picture of our own."""
    badge = f"[![Binder](docs/binder.svg)]({link('notebooks/00_tour.ipynb')})"
    text = path.read_text("utf-8")
    if _README.search(text):
        return _README.sub(lambda _: badge, text)
    title, rest = text.split("\n", 1)
    return f"{title}\n\n{badge}\n{rest}"


def main(arguments: list[str]) -> int:
    """Write, or check; return the exit status."""
    wanted = {ROOT / "README.md": readme_text(ROOT / "README.md")}
    wanted |= {path: notebook_text(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    old = [path for path, text in wanted.items() if path.read_text("utf-8") != text]
    for path in old:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)}: run python binder/badges.py\n")
        else:
            path.write_text(wanted[path], encoding="utf-8")
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
