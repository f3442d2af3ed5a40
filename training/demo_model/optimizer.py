"""Muon for the weight matrices, Adam for everything else, in one optimizer with one checkpoint.

Muon replaces a matrix's momentum by the nearest orthogonal matrix, so that rare directions (here: the ones
that tell one shape word from another) move as far as common ones.  Source: Jordan et al. 2024, "Muon"; the
scale that lets both halves share a rate is that of Liu et al. 2025, "Muon is scalable for LLM training".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic iteration by Jordan et al.; they trade exactness for speed.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """Muon for weights of at least eight rows and columns, Adam for the rest and for embedding tables."""

    def __init__(
        self,
        modules: Iterable[nn.Module],
        *,
        rate: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98),
        matrix_gain: float = 1.0,
    ) -> None:
        groups: dict[str, list[nn.Parameter]] = {"matrix": [], "other": []}
        for module in modules:
            tables = {id(table.weight) for table in module.modules() if isinstance(table, nn.Embedding)}
            for parameter in module.parameters():
                is_matrix = _is_matrix(parameter) and id(parameter) not in tables
                groups["matrix" if is_matrix else "other"].append(parameter)
        defaults = {"lr": rate, "momentum": momentum, "betas": betas, "gain": matrix_gain}
        super().__init__(
            [{"params": group, "kind": kind} for kind, group in groups.items() if group], defaults
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients that are there."""
        if closure is not None:
            raise ValueError("This optimizer takes no closure.")
        for group in self.param_groups:
            move = _move_matrix if group["kind"] == "matrix" else _move_other
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move(parameter, gradient=parameter.grad, state=self.state[parameter], group=group)


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and min(parameter.shape[0], parameter[0].numel()) >= 8


def _move_matrix(
    parameter: Tensor, *, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
) -> None:
    if "average" not in state:
        state["average"] = torch.zeros_like(parameter)
    state["average"].lerp_(gradient, 1.0 - group["momentum"])
    ahead = gradient.lerp(state["average"], group["momentum"])  # Nesterov
    flat = ahead.reshape(ahead.shape[0], -1)
    scale = 0.2 * max(flat.shape) ** 0.5 * group["gain"]
    parameter.add_(orthogonal(flat).reshape(parameter.shape), alpha=-group["lr"] * scale)


def _move_other(parameter: Tensor, *, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    if "step" not in state:
        state["step"] = 0
        state["average"] = torch.zeros_like(parameter)
        state["square"] = torch.zeros_like(parameter)
    state["step"] += 1
    slow, fast = group["betas"]
    state["average"].lerp_(gradient, 1.0 - slow)
    state["square"].lerp_(gradient.square(), 1.0 - fast)
    average = state["average"] / (1.0 - slow ** state["step"])
    square = state["square"] / (1.0 - fast ** state["step"])
    parameter.addcdiv_(average, square.sqrt() + 1e-8, value=-group["lr"])


def orthogonal(matrix: Tensor, *, rounds: int = 5) -> Tensor:
    """Roughly the nearest matrix whose singular values are all one (within about 0.7 to 1.2)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.T if tall else x
