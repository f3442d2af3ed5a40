"""Fixed attention: a changed prompt drawn with the cross-attention of another, so that the layout stays.

The seed prompt and the changed ones run as one batch from the same noise. At every call the changed prompts'
attention is replaced by the seed prompt's, token by token; the values it picks up are their own. Nothing is
stored, and the seed prompt's own image is bit for bit the one without replay.
Sources: Hertz et al. 2022, "Prompt-to-Prompt"; used for adjectives in Tang et al. 2023, section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from generation.attribution.alignment import Alignment, align
from generation.attribution.denoisers import unet_of
from generation.attribution.layout import PromptBatch, conditional_rows, watched_prompts
from generation.attribution.relevance_counter import cross_attention

_PICTURES: Final = (
    "the pipeline has {found}: attention to a picture can't be fixed. Call unload_ip_adapter() first"
)


class Replay:
    """What is replayed onto what. Made by fixed_attention()."""

    def __init__(self, pipeline: Any, *, share: float) -> None:
        self._pipeline = pipeline
        self._share = share
        self._batch: PromptBatch | None = None
        self._matrices: list[tuple[Tensor, Tensor]] = []
        self.alignments: tuple[Alignment, ...] = ()
        self.rows: slice | None = None
        self.steps_seen = 0
        self.steps_fixed = 0

    def start(self, batch: PromptBatch) -> None:
        """Aligns the prompts of a pipeline call. Raises ValueError where there is nothing to align."""
        if batch.prompts is None or len(batch.prompts) < 2 or batch.images_per_prompt != 1:
            raise ValueError("give the seed prompt and the changed prompts as one list, one image of each")
        tokenizer = self._pipeline.tokenizer or self._pipeline.tokenizer_2
        seed_prompt, *changed = batch.prompts
        self.alignments = tuple(align(seed_prompt, prompt, tokenizer=tokenizer) for prompt in changed)
        self._matrices = []
        self._batch, self.rows = batch, None
        self.steps_seen = self.steps_fixed = 0

    def before_unet(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Decides whether the call that begins is one to fix, and which of its rows hold the prompts."""
        keys = kwargs["encoder_hidden_states"] if "encoder_hidden_states" in kwargs else args[2]
        if not isinstance(keys, Tensor):
            raise ValueError(_PICTURES.format(found=f"encoder_hidden_states as a {type(keys).__name__}"))
        self.rows = None
        rows = None if self._batch is None else conditional_rows(self._batch, keys)
        if rows is None:
            return
        steps = getattr(self._pipeline, "num_timesteps", None) or len(self._pipeline.scheduler.timesteps)
        if self.steps_seen < round(self._share * steps):
            self.rows = rows
            self.steps_fixed += 1
        self.steps_seen += 1

    def mix(self, probabilities: Tensor) -> Tensor:
        """The changed prompts' attention with the seed prompt's in place of it.

        probabilities: (prompts, heads, pixels, keys), the seed prompt first.
        Returns (prompts - 1, heads, pixels, keys).
        """
        if not self._matrices:
            self._matrices = [_matrix(each, like=probabilities) for each in self.alignments]
        moved = torch.stack([probabilities[0] @ matrix for matrix, _ in self._matrices])
        own = torch.stack([mask for _, mask in self._matrices])[:, None, None]
        return torch.where(own, probabilities[1:], moved)


class _Processor:
    """Runs the module's own processor, then makes the changed prompts' rows anew with mixed attention."""

    def __init__(self, own: Any, replay: Replay) -> None:
        self._own = own
        self._replay = replay

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        output: Tensor = self._own(
            attn, hidden_states, encoder_hidden_states, attention_mask, temb, *args, **kwargs
        )
        rows = self._replay.rows
        if rows is None or encoder_hidden_states is None:
            return output
        if attention_mask is not None:
            raise ValueError("masked cross-attention can't be fixed")
        changed = slice(rows.start + 1, rows.stop)
        again = _attend(attn, hidden_states[rows], encoder_hidden_states[rows], self._replay)
        fixed = output.clone()
        fixed[changed] = again.to(output.dtype)
        return fixed


@contextmanager
def fixed_attention(
    pipeline: Any, *, share: float = 1.0, layers: Sequence[str] | None = None
) -> Iterator[Replay]:
    """Inside the block the pipeline draws each list of prompts with the attention of the first of them.

    share: of the denoising steps, from the first on, in [0, 1].  layers: module paths or their beginnings;
    all cross-attention by default. Give every prompt the same noise: same_noise().
    trace() inside the block records what attention each prompt would have paid by itself.
    Raises ValueError, before anything runs, for a pipeline without a UNet, layers that it doesn't have, and
    attention that does more than attend to the text: image adapters, processors with weights of their own.
    """
    unet = unet_of(pipeline)
    if isinstance(layers, str) or (layers is not None and not layers):
        raise ValueError(
            f"layers is a list of module paths or their beginnings, not {layers!r}; None takes all"
        )
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie between 0 and 1, not {share}")
    replay = Replay(pipeline, share=share)
    chosen = {
        path: module
        for path, module in cross_attention(unet).items()
        if layers is None or any(path == layer or path.startswith(layer + ".") for layer in layers)
    }
    if not chosen:
        raise ValueError(
            f"layers: no cross-attention at {', '.join(layers or ())}; "
            f"it is at {', '.join(cross_attention(unet))}"
        )
    if getattr(unet.config, "encoder_hid_dim_type", None) == "ip_image_proj":
        raise ValueError(_PICTURES.format(found="an image adapter in its UNet"))
    for path, module in chosen.items():
        _refuse_unusual(path, module)
    own = {path: module.processor for path, module in chosen.items()}
    handle = unet.register_forward_pre_hook(replay.before_unet, with_kwargs=True)
    try:
        for path, module in chosen.items():
            module.processor = _Processor(own[path], replay)
        with watched_prompts(pipeline, replay.start):
            yield replay
    finally:
        handle.remove()
        for path, module in chosen.items():
            module.processor = own[path]


def same_noise(seed: int, *, prompts: int) -> list[torch.Generator]:
    """Generators that give every prompt of a batch the same first noise."""
    return [torch.Generator("cpu").manual_seed(seed) for _ in range(prompts)]


def _attend(attn: Attention, hidden: Tensor, states: Tensor, replay: Replay) -> Tensor:
    """(prompts - 1, pixels, channels): what the changed prompts get out of the module."""
    query, key, value = attn.to_q(hidden), attn.to_k(states), attn.to_v(states[1:])
    query, key, value = (_split(attn, each).float() for each in (query, key, value))
    query = query if attn.norm_q is None else attn.norm_q(query)
    key = key if attn.norm_k is None else attn.norm_k(key)
    probabilities = (query @ key.transpose(-1, -2) * attn.scale).softmax(dim=-1)
    mixed = replay.mix(probabilities) @ value
    merged = mixed.transpose(1, 2).flatten(2).to(hidden.dtype)
    output: Tensor = attn.to_out[1](attn.to_out[0](merged))
    if attn.residual_connection:
        output = output + hidden[1:]
    scaled: Tensor = output / attn.rescale_output_factor
    return scaled


def _split(attn: Attention, projected: Tensor) -> Tensor:
    """(rows, heads, positions, channels)."""
    return projected.view(*projected.shape[:2], attn.heads, -1).transpose(1, 2)


def _matrix(alignment: Alignment, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """(source keys, target keys) weights, and (target keys,) booleans of tokens that keep their own."""
    keys = like.shape[-1]
    if alignment.keys != keys:
        raise ValueError(f"the model attends to {keys} keys, its tokenizer makes {alignment.keys}")
    matrix = torch.zeros(keys, keys)
    for place, sources in enumerate(alignment.sources):
        for origin, weight in sources:
            matrix[origin, place] = weight
    own = torch.zeros(keys, dtype=torch.bool)
    own[list(alignment.own)] = True
    return matrix.to(like), own.to(like.device)


def _refuse_unusual(path: str, module: Attention) -> None:
    if isinstance(module.processor, nn.Module):
        name = type(module.processor).__name__
        raise ValueError(
            f"{path}: {name} has weights of its own, so its attention can't be fixed; "
            "call unload_ip_adapter() or unet.set_default_attn_processor() first"
        )
    if module.fused_projections or module.group_norm is not None or module.spatial_norm is not None:
        raise ValueError(f"{path}: fused or normalised cross-attention can't be fixed; unfuse it first")
