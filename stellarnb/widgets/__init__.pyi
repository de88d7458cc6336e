from .archive_explorer.widget import ArchiveExplorer as ArchiveExplorer
from .chemical_map.widget import ChemicalMap as ChemicalMap
from .model_card import ModelCardViewer as ModelCardViewer
from .parametrizer.widget import Parametrizer as Parametrizer
from .spectrum_viewer.widget import SpectrumViewer as SpectrumViewer
from .validation.widget import Validation as Validation
from .workbench.widget import Workbench as Workbench
