import pytest
import torch
from torch import nn

from benchmarks.reference import N_EXTRA, N_PIX, ReferenceHybrid
from stellarnb.models.backends.cpu import optimise
from stellarnb.models.networks.xp import ResidualBlock


def agree(network: nn.Module, *inputs: torch.Tensor) -> None:
    network.eval()
    fast = optimise(network)
    with torch.inference_mode():
        ours, theirs = fast(*inputs), network(*inputs)
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) <= 1e-5 * float(theirs.max() - theirs.min())


def kinds(network: nn.Module) -> set[str]:
    return {type(module).__name__ for module in network.modules()}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(1)


@pytest.mark.parametrize("act", [nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.GELU])
@pytest.mark.parametrize("before_pool", [True, False])
def test_stacks_of_convolutions_compute_the_same(act: type[nn.Module], before_pool: bool) -> None:
    middle = [act(), nn.MaxPool1d(3)] if before_pool else [nn.MaxPool1d(3), act()]
    agree(
        nn.Sequential(
            nn.Conv1d(2, 8, 7, padding=3),
            *middle,
            nn.Conv1d(8, 5, 4, stride=2, padding="valid", bias=False),
            act(),
            nn.MaxPool1d(4),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(40, 3),
        ),
        torch.randn(7, 2, 203),
    )


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 6, 5, padding="same", dilation=2),
        pytest.param(
            nn.Conv1d(4, 6, 4, padding="same"),
            marks=pytest.mark.filterwarnings("ignore:Using padding=.same. with even"),
        ),
        nn.Conv1d(4, 8, 5, groups=2),
        nn.Conv1d(4, 6, 5, padding=2, padding_mode="circular"),
        nn.MaxPool1d(3, stride=2),
        nn.MaxPool1d(4, ceil_mode=True),
        nn.MaxPool1d(6),
        ResidualBlock(4, 3),
        nn.Conv1d(4, 4, 1),
    ],
    ids=repr,
)
def test_every_layer_computes_the_same_rewritten_or_not(layer: nn.Module) -> None:
    agree(layer, torch.randn(5, 4, 41))


def test_dense_layers_keep_leading_dimensions() -> None:
    agree(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(3, 5, 6))


def test_the_reference_hybrid_is_rewritten_throughout() -> None:
    network = ReferenceHybrid().eval()
    agree(network, torch.randn(32, N_PIX), torch.randn(32, N_EXTRA))
    assert not kinds(optimise(network)) & {"Conv1d", "Linear", "MaxPool1d", "ReLU"}


def test_the_network_itself_is_left_as_it_is_and_shares_its_weights() -> None:
    network = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU()).eval()
    optimise(network)
    assert kinds(network) == {"Sequential", "Conv1d", "ReLU"}


@pytest.mark.parametrize("where", ["double", "meta"])
def test_what_has_no_faster_form_runs_as_it_is(where: str) -> None:
    network = nn.Conv1d(1, 4, 3).eval()
    network = network.double() if where == "double" else network.to("meta")
    assert optimise(network) is network
