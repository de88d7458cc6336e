"""The built site: complete, links that lead somewhere, nothing from another host."""

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import stellarnb as snb
from stellarnb.models import load_card, model_names

#: What a browser fetches by itself, by tag and attribute.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "embed": "src",
    "object": "data",
    "source": "src",
    "video": "src",
    "audio": "src",
    "image": "href",
    "use": "href",
}
#: Kinds of <link> that a browser follows by itself.
LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch"}
STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """Collects what a page fetches, where its links lead, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)
        self.fetched += STYLE.findall(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in FETCHED:
            self.fetched.append(found.get(FETCHED[tag], ""))
        if tag == "link" and LINKS & set(found.get("rel", "").split()):
            self.fetched.append(found.get("href", ""))
        self.fetched += [part.split()[0] for part in found.get("srcset", "").split(",") if part]

    handle_startendtag = handle_starttag


def foreign(addresses: list[str]) -> list[str]:
    return [a for a in addresses if a.startswith("//") or urlsplit(a).scheme in {"http", "https"}]


@pytest.fixture(scope="session")
def parsed(pages: dict[str, str]) -> dict[str, Page]:
    return {name: Page(text) for name, text in pages.items()}


def test_nothing_is_loaded_from_another_host(parsed: dict[str, Page], site: Path) -> None:
    found = {name: foreign(page.fetched) for name, page in parsed.items()}
    assert {name: which for name, which in found.items() if which} == {}
    sheets = {path.name: STYLE.findall(path.read_text("utf-8")) for path in site.rglob("*.css")}
    assert {name: which for name, which in sheets.items() if which} == {}


def test_the_search_for_other_hosts_finds_them() -> None:
    text = (
        '<script src="https://a/x.js"></script><link rel="stylesheet" href="//b/x.css">'
        '<img src="x.png" srcset="https://c/x.png 2x"><style>@import "https://d/x.css"; '
        'p { background: url(https://e/x.png) }</style><a href="https://f/">f</a>'
        '<link rel="canonical" href="https://g/">'
    )
    hosts = {urlsplit(address).netloc for address in foreign(Page(text).fetched)}
    assert hosts == {"a", "b", "c", "d", "e"}


def test_links_within_the_site_lead_somewhere(parsed: dict[str, Page], site: Path) -> None:
    dead = []
    for name, page in parsed.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
            target = name if not path else target
            anchor = unquote(parts.fragment)
            if not (site / target).is_file() or (
                anchor and target in parsed and anchor not in parsed[target].anchors
            ):
                dead.append(f"{name}: {link}")
    assert dead == []


def test_every_public_name_is_in_the_reference(parsed: dict[str, Page]) -> None:
    there = set().union(*(page.anchors for page in parsed.values()))
    # The two modules are pages of names; each name has its own page.
    names = set(snb.__all__) - {"views", "hv", "StellarnbError"}
    missing = {f"stellarnb.{name}" for name in names} - there
    missing |= {f"stellarnb.views.{name}" for name in set(snb.views.__all__) - {"hv"}} - there
    assert missing == set()
    assert "stellarnb.errors.ArchiveDown" in there


def test_every_model_has_a_card_that_hides_nothing(pages: dict[str, str]) -> None:
    for name in model_names():
        card, page = load_card(name), pages[f"models/{name}.html"]
        assert card.sha256 in page
        assert ("Synthetic-trained." in page) == (card.trained_on == "synthetic")
        assert page.count("<li><p>") >= len(card.known_flaws) + len(card.credits)
        for flaw in card.known_flaws:
            first = re.split(r"""[<>&'"`*_|]""", flaw)[0][:40]
            assert first in page


def test_every_notebook_is_a_page(pages: dict[str, str], site: Path) -> None:
    notebooks = Path(__file__).resolve().parents[2] / "notebooks"
    for path in notebooks.glob("*.ipynb"):
        assert f"tutorials/{path.stem}.html" in pages
        assert f"{path.stem}.html" in pages["tutorials.html"]
