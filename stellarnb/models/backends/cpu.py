"""Networks rewritten for a CPU: the same numbers, with the library's fastest kernels.

A one-dimensional convolution runs as a two-dimensional one of height 1 on pixels whose channels
lie side by side, its activation is applied while the result is still in a register, pooling is a
maximum of neighbouring halves, and weights are brought into the kernel's own order once.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["optimise"]

#: Activations that the kernels apply themselves, and what they call them.
_FUSED: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.SiLU: "swish",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.LeakyReLU: "leaky_relu",
}

#: An activation as the kernels take it: its name and its numbers.
_Act = tuple[str, list[float]]
_NONE: _Act = ("none", [])


def optimise(network: nn.Module) -> nn.Module:
    """Return a copy of a network that computes the same on a CPU, faster, to 1e-5 of the range.

    It shares the parameters. What cannot be rewritten (other layers, precisions or devices; no
    oneDNN) stays as it is.
    """
    tensors = [*network.parameters(), *network.buffers()]
    if not (_kernels_are_there() and all(_is_plain(t) for t in tensors)):
        return network
    shared: dict[int, Any] = {id(tensor): tensor for tensor in tensors}
    fast = copy.deepcopy(network, shared)
    return _rewritten(fast)


def _kernels_are_there() -> bool:
    names = ("_convolution_pointwise", "_linear_pointwise", "_reorder_linear_weight")
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and all(hasattr(torch.ops.mkldnn, name) for name in names)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and (
        tensor.dtype == torch.float32 or not tensor.is_floating_point()
    )


def _rewritten(module: nn.Module, act: _Act = _NONE) -> nn.Module:
    """Return the fast form of a module, or the module with fast children."""
    if type(module) is nn.Conv1d and _is_simple(module):
        return _Convolution(module, act)
    if type(module) is nn.Linear:
        return _Dense(module, act)
    if type(module) is nn.MaxPool1d and _is_blocks(module):
        return _Pool(module)
    if isinstance(module, nn.Dropout):
        return nn.Identity()
    children = list(module.named_children())
    for i, (name, child) in enumerate(children):
        follower = children[i + 1] if i + 1 < len(children) else None
        # Only in a Sequential is the next child sure to be what comes next, and that alone.
        if type(module) is nn.Sequential and follower is not None and _takes_activation(child):
            known = _activation(follower[1])
            if known != _NONE:
                setattr(module, name, _rewritten(child, known))
                children[i + 1] = (follower[0], nn.Identity())
                setattr(module, follower[0], children[i + 1][1])
                continue
        setattr(module, name, _rewritten(child))
    return module


def _takes_activation(module: nn.Module) -> bool:
    return type(module) is nn.Linear or (type(module) is nn.Conv1d and _is_simple(module))


def _activation(module: nn.Module) -> _Act:
    name = _FUSED.get(type(module))
    if name is None:
        return _NONE
    return name, [module.negative_slope] if isinstance(module, nn.LeakyReLU) else []


def _is_simple(conv: nn.Conv1d) -> bool:
    return conv.groups == 1 and conv.padding_mode == "zeros" and _padding(conv) is not None


def _padding(conv: nn.Conv1d) -> int | None:
    """Return the zeros on each side, None if the two sides differ."""
    if not isinstance(conv.padding, str):
        return int(conv.padding[0])
    if conv.padding == "valid":
        return 0
    both = conv.dilation[0] * (conv.kernel_size[0] - 1)
    return None if both % 2 else both // 2


def _is_blocks(pool: nn.MaxPool1d) -> bool:
    """Whether pooled windows neither overlap nor leave gaps."""
    sizes = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    kernel, stride, padding, dilation = (_one_number(size) for size in sizes)
    plain = not (pool.return_indices or pool.ceil_mode)
    return plain and kernel == stride and padding == 0 and dilation == 1


def _one_number(size: Any) -> int:
    return int(size[0] if isinstance(size, tuple) else size)


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


class _Convolution(nn.Module):
    """A convolution [n, c, w] → [n, c', w'] whose channels lie side by side in memory."""

    def __init__(self, conv: nn.Conv1d, act: _Act) -> None:
        super().__init__()
        self.weight = conv.weight.detach()[:, :, None].contiguous(memory_format=torch.channels_last)
        self.bias = _detached(conv.bias)
        self.padding = [0, _padding(conv) or 0]
        self.stride, self.dilation = [1, conv.stride[0]], [1, conv.dilation[0]]
        self.act = act
        # By shape of the input, which decides the order in which the kernel wants its weights.
        self.packed: dict[torch.Size, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution with its activation."""
        x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        weight = self.packed.get(x.shape)
        sizes = (self.padding, self.stride, self.dilation, 1)
        if weight is None:
            weight = torch.ops.mkldnn._reorder_convolution_weight(  # noqa: SLF001
                self.weight, *sizes, list(x.shape)
            )
            self.packed[x.shape] = weight
        name, numbers = self.act
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(  # noqa: SLF001
            x, weight, self.bias, *sizes, name, numbers, ""
        )
        return y.squeeze(2)


class _Dense(nn.Module):
    """A dense layer with its activation."""

    def __init__(self, linear: nn.Linear, act: _Act) -> None:
        super().__init__()
        self.weight = linear.weight.detach().contiguous()
        self.bias = _detached(linear.bias)
        self.act = act
        self.packed: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output of the same leading shape."""
        rows = x.numel() // x.shape[-1]
        weight = self.packed.get(rows)
        if weight is None:
            weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, rows)  # noqa: SLF001
            self.packed[rows] = weight
        name, numbers = self.act
        y: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            x, weight, self.bias, name, numbers, ""
        )
        return y


class _Pool(nn.Module):
    """The maximum over blocks of pixels."""

    def __init__(self, pool: nn.MaxPool1d) -> None:
        super().__init__()
        self.size = _one_number(pool.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, c, w // size]."""
        n, channels, width = x.shape
        blocks, size = width // self.size, self.size
        rows = x.transpose(1, 2)[:, : blocks * size].reshape(n, blocks, size * channels)
        # Halves of a block lie side by side, so that a maximum runs through whole vectors.
        while size % 2 == 0:
            size //= 2
            half = size * channels
            rows = torch.maximum(rows[:, :, :half], rows[:, :, half:])
        if size > 1:
            rows = rows.view(n, blocks, size, channels).amax(dim=2)
        return rows.transpose(1, 2)
