"""Counts, while a pipeline makes images, which concept each cross-attention head answers to most.

At every call of every cross-attention module one word of each concept is drawn. The head's own queries look
at the keys of all these words at once; the concept that receives the most attention, averaged over the image
and over the word's tokens, gets one count. The images themselves stay bit for bit the same.
Source: Park et al. 2024 (arXiv 2412.02237), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor

from generation.attribution.concepts import ConceptList, unread_words
from generation.attribution.denoisers import PipelineDenoiser, unet_of
from generation.attribution.layout import PromptBatch, conditional_rows, watched_prompts
from generation.attribution.relevance import Head, HeadRelevance, from_counts
from generation.attribution.words import tokenize

# The order in which a UNet runs its blocks; its modules are registered in another one.
_BLOCKS = {"down_blocks": 0, "mid_block": 1, "up_blocks": 2}


def cross_attention(unet: Any) -> dict[str, Attention]:
    """Module path -> cross-attention module, in the order in which the UNet calls them."""
    found = {
        path: module
        for path, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }
    return {path: found[path] for path in sorted(found, key=lambda path: _BLOCKS[path.split(".")[0]])}


def heads_in_call_order(unet: Any) -> list[Head]:
    """Every cross-attention head, as published vectors list them: down, middle, up, module by module."""
    return [(path, head) for path, module in cross_attention(unet).items() for head in range(module.heads)]


class RelevanceCounter:
    """Counts so far: concepts x heads. Made by count_relevance()."""

    def __init__(self, pipeline: Any, *, concepts: ConceptList, seed: int) -> None:
        """Encodes every word of every concept, once."""
        unet = unet_of(pipeline)
        tokenizer = pipeline.tokenizer or pipeline.tokenizer_2
        if unread := unread_words(concepts, tokenizer):
            raise ValueError(
                f"the model does not read {', '.join(map(repr, unread))} whole; shorten the words"
            )
        self._concepts = concepts
        self._seed = seed
        self._generator = np.random.default_rng(seed)
        self._modules = cross_attention(unet)
        self._heads = heads_in_call_order(unet)
        self._counts = {
            path: np.zeros((len(concepts.names), module.heads), dtype=np.int64)
            for path, module in self._modules.items()
        }
        self._states, self._spans = _encode(pipeline, tokenizer, concepts)
        self._keys: dict[str, Tensor] = {}
        self._batch: PromptBatch | None = None
        self._rows: slice | None = None

    @property
    def counts(self) -> np.ndarray:
        """(concepts, heads): how often each concept was the strongest."""
        return np.concatenate([self._counts[path] for path in self._modules], axis=1)

    def relevance(self) -> HeadRelevance:
        """The vectors of what has been counted so far."""
        origin = {"concepts_sha256": self._concepts.sha256, "seed": str(self._seed)}
        found = from_counts(self.counts, concepts=self._concepts.names, heads=self._heads, origin=origin)
        return replace(found, words=self._concepts.words)

    def start(self, batch: PromptBatch) -> None:
        """Told of the prompts of a pipeline call; the counts go on."""
        self._batch = batch

    def attach(self, unet: Any) -> list[Any]:
        """Registers the hooks and returns their handles."""
        handles = [unet.register_forward_pre_hook(self._before_unet, with_kwargs=True)]
        handles += [
            module.to_q.register_forward_hook(self._reader(path)) for path, module in self._modules.items()
        ]
        return handles

    def _before_unet(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        keys = kwargs["encoder_hidden_states"] if "encoder_hidden_states" in kwargs else args[2]
        self._rows = None if self._batch is None else conditional_rows(self._batch, keys)

    def _reader(self, path: str) -> Callable[..., None]:
        def read(_: Any, __: Any, output: Tensor) -> None:
            if self._rows is not None:
                self._count(path, output[self._rows])

        return read

    @torch.no_grad()
    def _count(self, path: str, projected: Tensor) -> None:
        """projected: (images, pixels, heads * channels), the queries of the conditional rows."""
        module = self._modules[path]
        words = [spans[int(self._generator.integers(len(spans)))] for spans in self._spans]
        columns = [0, *(column for span in words for column in span)]
        keys = self._all_keys(path)[:, columns]  # (heads, columns, channels)
        query = projected.view(*projected.shape[:2], module.heads, -1).transpose(1, 2).float()
        query = query if module.norm_q is None else module.norm_q(query)
        attention = (query @ keys.transpose(-1, -2) * module.scale).softmax(dim=-1).mean(dim=2)
        first, strengths = 1, []
        for span in words:
            strengths.append(attention[..., first : first + len(span)].mean(dim=-1))
            first += len(span)
        strongest = torch.stack(strengths).argmax(dim=0).cpu().numpy()  # (images, heads)
        for row in strongest:
            self._counts[path][row, np.arange(module.heads)] += 1

    def _all_keys(self, path: str) -> Tensor:
        """(heads, tokens of all words, channels), float32."""
        if path not in self._keys:
            module = self._modules[path]
            # forward(), not a call: other hooks on the projection are none of our business.
            if module.fused_projections:
                projected = module.to_kv.forward(self._states).chunk(2, dim=-1)[0]
            else:
                projected = module.to_k.forward(self._states)
            split = projected.view(len(projected), module.heads, -1).transpose(0, 1).float()
            self._keys[path] = split if module.norm_k is None else module.norm_k(split)
        return self._keys[path]


@contextmanager
def count_relevance(pipeline: Any, *, concepts: ConceptList, seed: int) -> Iterator[RelevanceCounter]:
    """Counts over all images that the pipeline makes inside the block; read relevance() during or after it.

    seed: draws the concept words. Raises ValueError for words that the model does not read whole, and
    for a pipeline without a UNet.
    """
    counter = RelevanceCounter(pipeline, concepts=concepts, seed=seed)
    handles: list[Any] = []
    try:
        handles = counter.attach(pipeline.unet)
        with watched_prompts(pipeline, counter.start):
            yield counter
    finally:
        for handle in handles:
            handle.remove()


def _encode(pipeline: Any, tokenizer: Any, concepts: ConceptList) -> tuple[Tensor, list[list[range]]]:
    """What the model reads of the start token and of all words' own tokens, one after the other.

    Returns (tokens, channels), and for each concept the places of each of its words' tokens.
    """
    denoiser = PipelineDenoiser(pipeline)
    states: list[Tensor] = []
    spans: list[list[range]] = []
    length = 1
    for words in concepts.words.values():
        encoded = denoiser.encode(words).states
        states = states or [encoded[0, :1]]
        own = []
        for row, word in enumerate(words):
            tokens = len(tokenize(tokenizer, word).offsets)
            states.append(encoded[row, 1 : 1 + tokens])
            own.append(range(length, length + tokens))
            length += tokens
        spans.append(own)
    return torch.cat(states), spans
