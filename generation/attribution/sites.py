"""Where a denoiser looks from the places of an image at the tokens of a text: its modules, found by path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from diffusers import FluxTransformer2DModel, SD3Transformer2DModel
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn

from generation.attribution.sums import Grid, Scope

Modules = Mapping[str, nn.Module]
# Most modules of a model are of these kinds, or lie in them: attention to text isn't among them. To look into
# each takes milliseconds, since none of it is in the processor's caches.
_WITHOUT_SITES = frozenset(
    (FeedForward, ResnetBlock2D, nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm, nn.Dropout, nn.SiLU)
)
# What stands in the sequence that a module attends over: the text's keys alone (cross-attention), or image
# and text in one sequence (joint attention), in either order.
Order = Literal["text", "image, text", "text, image"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """One module in which image places attend to text tokens.

    path: as in named_modules().  heads: those wanted, ascending.
    grid_of: path of the module whose input tells the grid of the image places; "" is the denoiser.
    """

    path: str
    attention: Any
    heads: tuple[int, ...]
    order: Order
    grid_of: str

    def image_places(self, *, text_keys: int, pixels: int) -> slice:
        """Where the queries of the image stand in the sequence of queries."""
        first = text_keys if self.order == "text, image" else 0
        return slice(first, first + pixels)

    def text_places(self, *, text_keys: int, keys: int) -> slice:
        """Where the keys of the text stand in the sequence of keys."""
        first = keys - text_keys if self.order == "image, text" else 0
        return slice(first, first + text_keys)


def modules_by_path(denoiser: nn.Module) -> dict[str, nn.Module]:
    """What named_modules() lists, in its order, less what can't have attention to text in it."""
    found: dict[str, nn.Module] = {}
    seen: set[nn.Module] = set()
    left = [("", denoiser)]
    while left:
        path, module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        found[path] = module
        if not isinstance(module, Attention):
            above = path + "." if path else ""
            left += [
                (above + name, child)
                for name, child in reversed(module._modules.items())
                if child is not None and type(child) not in _WITHOUT_SITES
            ]
    return found


def find_sites(denoiser: nn.Module, scope: Scope, *, modules: Modules) -> list[Site]:
    """The sites of a denoiser that a scope takes, in the order of its modules.

    modules: of the denoiser, see modules_by_path.
    Raises ValueError for a denoiser of another kind, and where the scope names a layer or a head that this
    one doesn't have.
    """
    every = _joint_sites(denoiser, modules) or _cross_sites(modules)
    if not every:
        raise ValueError(
            f"{type(denoiser).__name__} has no attention to text that can be traced; traced are the UNets of "
            "Stable Diffusion 1, 2 and XL, and the transformers of Stable Diffusion 3 and Flux"
        )
    if scope.layers is None and not scope.heads:
        return every
    _refuse_unknown(scope, [site.path for site in every])
    found = []
    for site in every:
        own = range(site.attention.heads)
        heads = tuple(sorted(scope.heads.get(site.path, own)))
        if not set(heads) <= set(own):
            raise ValueError(f"{site.path} has heads 0 to {own[-1]}, not {heads}")
        if scope.takes_layer(site.path):
            found.append(replace(site, heads=heads))
    return found


def is_compiled(modules: Modules, sites: Sequence[Site]) -> bool:
    """Whether torch.compile stands between a denoiser's caller and one of its sites.

    A compiled graph made without hooks runs without them.
    """
    paths = [site.path for site in sites]
    # Asked of the modules by name: hasattr builds an error for each that has none, a millisecond in all.
    compiled = [
        path
        for path, module in modules.items()
        if module._compiled_call_impl is not None or "_orig_mod" in module._modules
    ]
    return any(not path or site == path or site.startswith(path + ".") for site in paths for path in compiled)


def grid_of(denoiser: nn.Module, inputs: dict[str, Any], *, path: str) -> Grid:
    """(height, width) of the image places, from the input of the module that tells them."""
    features: Tensor = inputs["hidden_states"]
    if isinstance(denoiser, FluxTransformer2DModel):
        return _packed_grid(inputs["img_ids"])
    height, width = int(features.shape[-2]), int(features.shape[-1])
    if not path and isinstance(denoiser, SD3Transformer2DModel):
        patch = int(denoiser.config.patch_size)
        return height // patch, width // patch
    return height, width


def latent_size(denoiser: nn.Module, inputs: dict[str, Any]) -> Grid:
    """(height, width) of the latent image that a denoiser is given. Raises ValueError for a film."""
    if isinstance(denoiser, FluxTransformer2DModel):
        # Flux packs two by two latent pixels into one place.
        height, width = _packed_grid(inputs["img_ids"])
        return 2 * height, 2 * width
    sample: Tensor = inputs["sample"] if "sample" in inputs else inputs["hidden_states"]
    if sample.ndim != 4:
        raise ValueError(
            f"{type(denoiser).__name__} draws several frames together; traced are models of single pictures"
        )
    return int(sample.shape[-2]), int(sample.shape[-1])


def _packed_grid(ids: Tensor) -> Grid:
    """ids: (places, 3); the first number tells pictures apart and is 0 for the one that is generated."""
    flat = ids.reshape(-1, 3)
    own = flat[flat[:, 0] == 0]
    return int(own[:, 1].max()) + 1, int(own[:, 2].max()) + 1


def _joint_sites(denoiser: nn.Module, modules: Modules) -> list[Site]:
    if isinstance(denoiser, SD3Transformer2DModel):
        return [
            _whole(path, module, order="image, text", grid_of="")
            for path, module in modules.items()
            if isinstance(module, Attention) and module.added_kv_proj_dim is not None
        ]
    if isinstance(denoiser, FluxTransformer2DModel):
        return [
            _whole(path, module, order="text, image", grid_of="")
            for path, module in modules.items()
            if path.endswith(".attn")
        ]
    return []


def _cross_sites(modules: Modules) -> list[Site]:
    # Of the feature maps around a module, the innermost last.
    around: list[str] = []
    found = []
    for path, module in modules.items():
        if isinstance(module, Transformer2DModel):
            around.append(path)
        if not isinstance(module, Attention) or not module.is_cross_attention:
            continue
        while around and not path.startswith(around[-1] + "."):
            around.pop()
        if not around:
            raise ValueError(f"{path}: no feature map around this attention; this UNet is of another kind")
        found.append(_whole(path, module, order="text", grid_of=around[-1]))
    return found


def _whole(path: str, attention: Any, *, order: Order, grid_of: str) -> Site:
    heads = tuple(range(attention.heads))
    return Site(path=path, attention=attention, heads=heads, order=order, grid_of=grid_of)


def _refuse_unknown(scope: Scope, paths: list[str]) -> None:
    unknown = [
        name for name in scope.layers or () if not any(p == name or p.startswith(name + ".") for p in paths)
    ]
    # Heads are numbered within a module: a beginning of paths would say nothing about which.
    unknown += [name for name in scope.heads if name not in paths]
    if unknown:
        raise ValueError(
            f"no attention to text at {', '.join(unknown)}; it is at {', '.join(paths)} "
            "(Scope.layers takes beginnings of these too, Scope.heads whole ones only)"
        )
