"""The public interface, pinned: names, keywords, label columns and saved states.

``python tests/test_interface.py`` writes the pin anew; look at its diff before it is committed.
"""

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

import stellarnb as snb

PIN = Path(__file__).with_name("interface.json")
API = Path(__file__).resolve().parents[1] / "docs" / "api.md"


def documented() -> list[str]:
    """The names of the reference, below ``stellarnb``."""
    names = re.findall(r"^   ([a-z_]*\.?[A-Za-z_.]+)$", API.read_text("utf-8"), re.MULTILINE)
    return sorted({*names, *(n for n in dir(snb) if not n.startswith("_"))})


def find(name: str) -> Any:
    """Return what a dotted name below ``stellarnb`` stands for."""
    found: Any = snb
    for n, part in enumerate(name.split("."), 1):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(".".join(["stellarnb", *name.split(".")[:n]]))
    return found


def signature(of: Any) -> list[str]:
    """Return the parameters of a function, without their types: name, kind, default."""
    try:
        parameters = inspect.signature(of).parameters.values()
    except (TypeError, ValueError):
        return []
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    only = inspect.Parameter.KEYWORD_ONLY
    return [
        ("key " if p.kind is only else "")
        + stars.get(p.kind, "")
        + p.name
        + ("" if p.default is p.empty else f"={p.default!r}")
        for p in parameters
        if p.name != "self"
    ]


def members(of: type) -> dict[str, Any]:
    """Return the public members of a class that stellarnb defines, with their keywords."""
    own = [c for c in of.__mro__ if c.__module__.startswith("stellarnb")]
    names = {n for c in own for n in vars(c) if not n.startswith("_")}
    found: dict[str, Any] = {}
    for name in sorted(names):
        value = inspect.getattr_static(of, name)
        if isinstance(value, traitlets.TraitType):
            continue
        value = getattr(value, "__func__", value)
        found[name] = signature(value) if inspect.isfunction(value) else "attribute"
    return found


def interface() -> dict[str, Any]:
    """Return what stands behind each documented name."""
    found: dict[str, Any] = {}
    for name in documented():
        thing = find(name)
        if inspect.isclass(thing):
            found[name] = {"call": signature(thing), "members": members(thing)}
            if issubclass(thing, traitlets.HasTraits):
                base = set(thing.__mro__[-1].__dict__)
                import ipywidgets as ipw

                base |= set(ipw.VBox.class_trait_names())
                names = set(thing.class_trait_names()) - base
                found[name]["traits"] = sorted(n for n in names if not n.startswith("_"))
        elif callable(thing):
            found[name] = {"call": signature(thing)}
        else:
            found[name] = "value"
    return found


def errors() -> dict[str, list[str]]:
    """Return the named errors, each with those of stellarnb that it is one of."""
    import stellarnb.errors as module

    return {
        name: sorted(b.__name__ for b in kind.__mro__ if b.__module__ == module.__name__)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    }


def label_columns() -> dict[str, list[str]]:
    """Return the columns of labels, by model."""
    archive = snb.open_archive("sample")
    stars = archive.query("SELECT TOP 3 * FROM stars ORDER BY source_id")
    found = {}
    spectra = archive.spectra(stars, product="xp_sampled")
    found["xp-apogee"] = list(snb.load_model("xp-apogee").predict(spectra, stars).colnames)
    from stellarnb.models import synthesize

    made = {"source_id": np.array([1]), "teff": [5777.0], "logg": [4.44], "fe_h": [0.0]}
    for name, instrument in (
        ("gaia-rvs", "gaia-rvs"),
        ("ges-lithium", "giraffe-hr15n"),
        ("rave", "rave"),
    ):
        spectrum = synthesize(made, instrument, snr=100.0, seed=1)
        found[name] = list(snb.load_model(name).predict(spectrum).colnames)
    return found


def keys_of(value: Any, above: str = "") -> list[str]:
    """Return the keys of nested plain values, as paths."""
    if not isinstance(value, dict):
        return []
    return [p for k, v in value.items() for p in (f"{above}{k}", *keys_of(v, f"{above}{k}."))]


def saved_states() -> dict[str, list[str]]:
    """Return the keys of what each widget saves."""
    table = snb.mock_milky_way(200, seed=1)
    widgets = {
        "ChemicalMap": snb.ChemicalMap(table),
        "ArchiveExplorer": snb.ArchiveExplorer(),
        "ModelCardViewer": snb.ModelCardViewer(),
        "Parametrizer": snb.Parametrizer(),
        "Workbench": snb.Workbench(),
    }
    found = {}
    for name, widget in widgets.items():
        text = widget.state_text() if hasattr(widget, "state_text") else None
        values = json.loads(text) if text else widget.state_values()
        found[name] = sorted(keys_of(values))
        widget.close()
    return found


def pinned() -> dict[str, Any]:
    """Return all that is pinned."""
    whole = {
        "interface": interface(),
        "errors": errors(),
        "label_columns": label_columns(),
        "saved_states": saved_states(),
    }
    return json.loads(json.dumps(whole))


def lost(kept: Any, now: Any) -> Any:
    """Return what is pinned and not there any more; what came in addition is fine."""
    if isinstance(kept, dict) and isinstance(now, dict):
        gone = {k: "gone" if k not in now else lost(v, now[k]) for k, v in kept.items()}
        return {k: v for k, v in gone.items() if v}
    if isinstance(kept, list) and isinstance(now, list):
        return [entry for entry in kept if entry not in now]
    return [] if kept == now else [kept]


def test_names_and_keywords_are_kept() -> None:
    kept = json.loads(PIN.read_text("utf-8"))["interface"]
    assert lost(kept, json.loads(json.dumps(interface()))) == {}


def test_errors_are_kept() -> None:
    assert errors() == json.loads(PIN.read_text("utf-8"))["errors"]


def test_label_columns_are_kept() -> None:
    assert label_columns() == json.loads(PIN.read_text("utf-8"))["label_columns"]


def test_keys_of_saved_states_are_kept() -> None:
    assert saved_states() == json.loads(PIN.read_text("utf-8"))["saved_states"]


if __name__ == "__main__":
    PIN.write_text(json.dumps(pinned(), indent=1, sort_keys=True) + "\n", "utf-8")
