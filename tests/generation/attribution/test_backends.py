"""The kernel's own divisor: exact where it is taken, and taken only where it is the public call's."""

import importlib.util
import math
import threading
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from generation.attribution import backends, watch
from generation.attribution.backends import attention_with_lse
from generation.attribution.watch import AttentionWatch


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts as a new process does."""
    monkeypatch.setattr(backends, "_found", backends.Found())


def tensors(seed: int = 0, *, dtype: torch.dtype = torch.float32, width: int = 16) -> list[torch.Tensor]:
    """Queries of 24 places, keys and values of 13 tokens; 2 rows, 3 heads."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, places, width, generator=rng).to(dtype) for places in (24, 13, 13)]


def divisor(query: torch.Tensor, key: torch.Tensor, mask: Any = 0.0) -> torch.Tensor:
    scores: torch.Tensor = query.double() @ key.double().mT / math.sqrt(query.shape[-1]) + mask
    return scores.logsumexp(dim=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
def test_the_output_is_the_public_call_s_and_the_divisor_is_that_of_all_keys(
    dtype: torch.dtype, masked: bool
) -> None:
    """Control: another operator than the public call picks has other last bits."""
    mask = torch.linspace(-3, 3, 13).to(dtype).expand(2, 1, 1, 13) if masked else None
    for seed in range(3):  # the first call of a kind only compares
        query, key, value = tensors(seed, dtype=dtype)
        output, lse, _ = attention_with_lse(query, key, value, mask)
        own = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        assert torch.equal(output, own)
        assert (lse is None) == (seed == 0)
    assert lse is not None
    assert lse.dtype == torch.float32
    expected = divisor(query, key, 0.0 if mask is None else mask.double())
    assert (lse.double() - expected).abs().max() < 2e-5


@pytest.mark.parametrize(
    "how",
    [{"is_causal": True}, {"attn_mask": torch.ones(24, 13, dtype=torch.bool)}, {"dropout_p": 0.5}],
)
def test_what_the_operator_would_take_otherwise_goes_to_the_public_call(how: dict[str, Any]) -> None:
    query, key, value = tensors()
    for _ in range(2):
        torch.manual_seed(3)
        output, lse, _ = attention_with_lse(query, key, value, **how)
        torch.manual_seed(3)
        assert torch.equal(output, functional.scaled_dot_product_attention(query, key, value, **how))
        assert lse is None


def test_gradients_flow_as_through_the_public_call() -> None:
    query, key, value = tensors()
    query.requires_grad_()
    for _ in range(2):
        output, lse, _ = attention_with_lse(query, key, value)
        assert lse is None
    (found,) = torch.autograd.grad(output.sum(), query)
    own = functional.scaled_dot_product_attention(query, key, value)
    assert torch.equal(found, torch.autograd.grad(own.sum(), query)[0])


@pytest.mark.parametrize("fault", ["other bits", "other divisor", "not there"])
def test_an_operator_that_does_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A private operator may change in any release. Control: trusting it without the first comparison."""
    own = backends._cpu_flash

    def changed(*args: Any, **how: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if fault == "not there":
            raise AttributeError("no such operator")
        output, lse = own(*args, **how)
        return (output + 1e-7, lse) if fault == "other bits" else (output, lse / math.log(2))

    monkeypatch.setattr(backends, "_cpu_flash", changed)
    query, key, value = tensors()
    for _ in range(3):
        output, lse, _ = attention_with_lse(query, key, value)
        assert lse is None
        assert torch.equal(output, functional.scaled_dot_product_attention(query, key, value))


def test_a_watch_sees_the_first_call_only_and_leaves_nothing_behind() -> None:
    seen = []
    watch = AttentionWatch(lambda *found: seen.append(found))
    (query, key, value), (other, *_) = tensors(), tensors(1)
    watch.start()
    functional.scaled_dot_product_attention(query, key, value, scale=0.5)
    functional.scaled_dot_product_attention(other, key, value)
    watch.stop()
    functional.scaled_dot_product_attention(other, key, value)
    assert len(seen) == 1
    assert seen[0][0] is query
    assert seen[0][1] is key
    assert seen[0][3] == 0.5
    watch.stop()  # once more does nothing
    assert functional.scaled_dot_product_attention is torch._C._nn.scaled_dot_product_attention


def test_a_watch_is_of_its_own_thread() -> None:
    """Control: one list of watches for all threads."""
    seen: list[Any] = []
    watch = AttentionWatch(lambda *found: seen.append(found))
    watch.start()
    other = threading.Thread(target=functional.scaled_dot_product_attention, args=tensors())
    other.start()
    other.join()
    assert not seen
    watch.stop()


def test_whoever_puts_another_attention_in_place_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A faster kernel under the public name is what runs. Control: always the operator of torch."""
    own, seen, calls = functional.scaled_dot_product_attention, [], []

    def faster(*args: Any, **how: Any) -> torch.Tensor:
        calls.append(1)
        return own(*args, **how)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", faster)
    watch = AttentionWatch(lambda *found: seen.append(found))
    query, key, value = tensors()
    watch.start()
    functional.scaled_dot_product_attention(query, key, value)
    watch.stop()
    assert len(calls) == len(seen) == 1
    assert seen[0][4] is None  # its divisor is not known
    assert functional.scaled_dot_product_attention is faster


@pytest.mark.parametrize("name", ["watch", "backends"])
def test_an_attention_that_stood_there_before_the_import_is_what_runs(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Control: taking what stands at the public name when the module is loaded for torch's own."""
    own, calls = functional.scaled_dot_product_attention, []

    def another(*args: Any, **how: Any) -> torch.Tensor:
        calls.append(1)
        return 2 * own(*args, **how)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", another)
    place = importlib.util.spec_from_file_location(
        "loaded_again", {"watch": watch, "backends": backends}[name].__file__
    )
    assert place is not None
    assert place.loader is not None
    again: Any = importlib.util.module_from_spec(place)
    place.loader.exec_module(again)
    query, key, value = tensors()
    expected = own(query, key, value)
    if name == "backends":  # beneath the public name: torch's own
        assert torch.equal(again.attention_with_lse(query, key, value)[0], expected)
        assert not calls
        return
    seen: list[Any] = []
    for count in (1, 2):  # the first call of a kind is proof only
        watching = again.AttentionWatch(lambda *found: seen.append(found))
        watching.start()
        output = functional.scaled_dot_product_attention(query, key, value)
        watching.stop()
        assert torch.equal(output, 2 * expected)
        assert len(calls) == len(seen) == count
        assert seen[-1][4] is None


def test_under_autocast_the_output_is_still_the_public_call_s() -> None:
    """The public call brings all to one type first. Control: an operator trusted without autocast."""
    query, key, value = tensors()
    for _ in range(2):
        attention_with_lse(query, key, value)
    with torch.autocast("cpu", torch.bfloat16):
        output, lse, _ = attention_with_lse(query, key, value)
        own = functional.scaled_dot_product_attention(query, key, value)
    assert output.dtype == own.dtype == torch.bfloat16
    assert torch.equal(output, own)
    assert lse is None


def test_a_choice_is_made_anew_where_what_it_depends_on_has_changed() -> None:
    """Another kernel asked for, or values that lie otherwise in memory, between two calls of one shape.

    Control: calls with equal shapes are taken for alike.
    """
    query, key, value = tensors()
    for _ in range(3):
        _, lse, alike = attention_with_lse(query, key, value)
    assert lse is not None
    again = attention_with_lse(query + 1, key, value)
    assert again[2] is alike
    with sdpa_kernel(SDPBackend.MATH):
        output, lse, _ = attention_with_lse(query, key, value)
        assert torch.equal(output, functional.scaled_dot_product_attention(query, key, value))
    assert lse is None
    spread = value.mT.contiguous().mT
    output, _, other = attention_with_lse(query, key, spread)
    assert torch.equal(output, functional.scaled_dot_product_attention(query, key, spread))
    assert other is not alike


def test_a_watch_inside_a_watch_hides_nothing_from_it() -> None:
    """Control: the inner one alone is shown the call."""
    seen = []
    outer = AttentionWatch(lambda *_: seen.append("outer"))
    inner = AttentionWatch(lambda *_: seen.append("inner"))
    query, key, value = tensors()
    for _ in range(2):
        outer.start()
        inner.start()
        output = functional.scaled_dot_product_attention(query, key, value)
        inner.stop()
        outer.stop()
    assert sorted(seen) == ["inner", "inner", "outer", "outer"]
    assert torch.equal(output, functional.scaled_dot_product_attention(query, key, value))


@pytest.mark.parametrize("operator", [backends._cuda_flash, backends._cuda_efficient, backends._cuda_cudnn])
def test_the_gpu_s_operators_exist_and_return_what_is_expected_of_them(operator: Any) -> None:
    """Their signatures and shapes in the installed torch, without a GPU: on tensors that hold no data."""
    query, key, value = (tensor.half().to("meta") for tensor in tensors(width=64))
    output, lse = operator(query, key, value, None, None)
    assert output.shape == query.shape
    assert lse.shape == query.shape[:3]
    assert lse.dtype == torch.float32
