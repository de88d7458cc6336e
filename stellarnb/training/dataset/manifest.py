"""What has been done of a training set, so that a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stellarnb import __version__
from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write
from stellarnb.training.dataset.cuts import describe_condition
from stellarnb.training.dataset.kinds import Wanted
from stellarnb.training.dataset.reference import Candidates

__all__ = ["Manifest", "identity_of"]

#: Readers of Parquet folders skip names that begin with ``_``.
NAME = "_training_set.json"


def identity_of(
    kind: str, reference: Any, archive: Any, known: Candidates, wanted: Wanted, **more: Any
) -> dict[str, Any]:
    """Return what makes a training set the one that it is, as JSON has it."""
    return {
        "kind": kind,
        "reference": _who(reference),
        "archive": _who(archive),
        "labels": list(wanted.labels),
        "scalars": list(wanted.scalars),
        "products": [wanted.kind.product, *wanted.more],
        "cuts_of_stars": {name: describe_condition(value) for name, value in wanted.cuts.items()},
        "max_masked": wanted.max_masked,
        "match": "source_id" if known.radius is None else f"{known.radius * 3600:g} arcsec",
        "candidates": {"n": len(known), "sha256": known.sha256},
        **more,
    }


def _who(archive: Any) -> dict[str, str]:
    release = getattr(archive, "release", "") or getattr(archive, "version", "")
    return {"name": str(archive.name), "title": str(archive.title), "release": str(release)}


class Manifest:
    """The file beside the parts that says what they are."""

    def __init__(self, folder: Path, identity: dict[str, Any], chunk: int) -> None:
        self.folder, self.identity, self.chunk = folder, identity, chunk
        self.next = self.stars = 0
        self.counts: dict[str, int] = {}

    @classmethod
    def open(cls, folder: Path, identity: dict[str, Any], chunk: int, *, resume: bool) -> Manifest:
        """Return the manifest to go on with, or a new one; refuse that of another set."""
        path = folder / NAME
        if path.exists() and resume:
            return cls._read(path, identity)
        for old in folder.glob("part-*.parquet"):
            if not path.exists():
                raise InvalidInput(
                    f"{folder} holds {old.name}, which is not of this set. Choose an empty folder."
                )
            old.unlink()
        new = cls(folder, identity, chunk)
        new.save()
        return new

    @classmethod
    def _read(cls, path: Path, identity: dict[str, Any]) -> Manifest:
        try:
            known = json.loads(path.read_text("utf-8"))
            out = cls(path.parent, dict(known["identity"]), int(known["chunk"]))
            out.next, out.stars = int(known["next"]), int(known["stars"])
            out.counts = {str(k): int(v) for k, v in known["counts"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{path} cannot be read ({error}). Choose another folder, or pass resume=False."
            ) from error
        if out.identity != json.loads(json.dumps(identity)):
            unlike = [key for key in identity if out.identity.get(key) != identity[key]]
            raise InvalidInput(
                f"{path.parent} holds another training set (it differs in {', '.join(unlike)}). "
                "Choose another folder, or pass resume=False to replace it."
            )
        return out

    def finished(self, candidates: int, n: int | None) -> bool:
        """Whether there are enough stars, or no candidates left."""
        return self.next * self.chunk >= candidates or (n is not None and self.stars >= n)

    def part(self, number: int) -> Path:
        """Return the file of a step."""
        return self.folder / f"part-{number:06d}.parquet"

    def done(self, counts: Mapping[str, int], stars: int) -> None:
        """Note that a step is written."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.stars += stars
        self.next += 1
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        state = {
            "identity": self.identity,
            "chunk": self.chunk,
            "next": self.next,
            "stars": self.stars,
            "counts": self.counts,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with atomic_write(self.folder / NAME) as part:
            part.write_text(json.dumps(state, indent=1), "utf-8")

    def provenance(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the set says of itself."""
        title = f"{self.identity['archive']['title']} spectra, {self.identity['reference']['title']} labels"
        return {"title": title, **self.identity, **notes, "stellarnb": __version__}
