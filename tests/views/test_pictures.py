"""Visual regression: each view as a small picture, against one that was looked at.

Set STELLARNB_WRITE_REFERENCE=1 to write the references anew; then look at them.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread, imsave

FOLDER = Path(__file__).parent / "reference"
#: Root mean square of the differences, between blocks of pixels, that fonts may cause.
TOLERANCE = 0.03
BLOCK = 6


def picture_of(view, theme):
    figure = view.to_matplotlib(width=3.4 if len(view.scene.panes) == 1 else 6.0, theme=theme)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=60, facecolor=figure.get_facecolor())
    return imread(io.BytesIO(stream.getvalue()))[..., :3]


def difference(one, other):
    """Return how unlike two pictures are: 0 for the same, 1 for black against white."""
    if any(abs(a - b) > 3 for a, b in zip(one.shape, other.shape, strict=True)):
        return 1.0
    height, width = (
        BLOCK * (min(a, b) // BLOCK) for a, b in zip(one.shape[:2], other.shape[:2], strict=True)
    )
    blocks = [
        image[:height, :width]
        .reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
        .mean((1, 3))
        for image in (one, other)
    ]
    return float(np.sqrt(np.mean((blocks[0] - blocks[1]) ** 2)))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_view_looks_as_it_did(make_view, view_name, theme):
    image = picture_of(make_view(view_name), theme)
    path = FOLDER / f"{view_name}-{theme}.png"
    if os.environ.get("STELLARNB_WRITE_REFERENCE"):
        imsave(path, image)
    assert difference(image, imread(path)[..., :3]) < TOLERANCE


def test_a_view_of_other_stars_looks_different(galaxy, make_view):
    path = FOLDER / "tinsley_wallerstein-light.png"
    few = make_view("tinsley_wallerstein", galaxy.take(slice(0, 300)))
    assert difference(picture_of(few, "light"), imread(path)[..., :3]) > TOLERANCE


def test_the_references_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000
