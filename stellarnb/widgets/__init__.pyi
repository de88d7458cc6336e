from .archive_explorer import ArchiveExplorer as ArchiveExplorer
from .chemical_map import ChemicalMap as ChemicalMap
from .model_card import ModelCardViewer as ModelCardViewer
from .parametrizer import Parametrizer as Parametrizer
from .spectrum_viewer import SpectrumViewer as SpectrumViewer
from .validation import Validation as Validation
from .workbench import Workbench as Workbench
