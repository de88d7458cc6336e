from . import views as views
from .archives import open_archive as open_archive
from .cartography import mock_milky_way as mock_milky_way
from .cartography import place as place
from .errors import StellarnbError as StellarnbError
from .models import fit_spectra as fit_spectra
from .models import load_model as load_model
from .spectra import SpectrumSet as SpectrumSet
from .spectra import read as read
from .tables import Labels as Labels
from .tables import Result as Result
from .training.dataset.api import TrainingSet as TrainingSet
from .training.dataset.api import training_set as training_set
from .views import hv as hv
from .widgets import ArchiveExplorer as ArchiveExplorer
from .widgets import ChemicalMap as ChemicalMap
from .widgets import ModelCardViewer as ModelCardViewer
from .widgets import Parametrizer as Parametrizer
from .widgets import SpectrumViewer as SpectrumViewer
from .widgets import Validation as Validation
from .widgets import Workbench as Workbench

__version__: str
