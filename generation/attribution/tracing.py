"""trace(): word maps of whatever a diffusers pipeline generates inside the with block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from torch import Tensor

from generation.attribution import aggregation
from generation.attribution.layout import PromptBatch, watched_prompts
from generation.attribution.recorder import Recorder
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope
from generation.attribution.words import (
    Occurrence,
    PromptTokens,
    TokenSelection,
    WordSpan,
    find_spans,
    select_tokens,
    tokenize,
)

Keep = Literal["grids", "heads"]
Variant = Literal["paper", "v1", "castorini"]


class Trace:
    """The attention of the pipeline's latest call. Made by trace(); read it during or after the with block.

    Images are counted through: image n belongs to prompt n // images_per_prompt.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        words: Sequence[Sequence[WordSpan]] | None,
        positions: Sequence[int] | None,
        prompts: Sequence[str] | None,
        keep: Keep,
        scope: Scope,
    ) -> None:
        self._pipeline = pipeline
        self._tokenizer = pipeline.tokenizer or pipeline.tokenizer_2
        self._words = words
        self._positions = positions
        self._given_prompts = prompts
        self._columns: tuple[int, ...] | None = ()
        self.recorder = Recorder(pipeline.unet, scope=scope, per_head=keep == "heads")
        self.prompts: tuple[str, ...] = ()
        self.tokens: tuple[PromptTokens, ...] = ()
        self.images_per_prompt = 1

    def start(self, batch: PromptBatch) -> None:
        """Begins anew with the prompts of a pipeline call."""
        prompts = self._given_prompts if self._given_prompts is not None else batch.prompts
        self.prompts = tuple(prompts or ())
        self.images_per_prompt = batch.images // len(self.prompts) if self.prompts else batch.images
        self._refuse_expanded_prompts()
        self.tokens = tuple(tokenize(self._tokenizer, prompt) for prompt in self.prompts)
        self._columns = self._wanted_columns()
        self.recorder.start(batch, columns=self._columns)

    @property
    def latent_hw(self) -> Grid:
        """(height, width) of the latent image."""
        if self.recorder.latent_hw is None:
            raise ValueError("the pipeline has not run inside this trace")
        return self.recorder.latent_hw

    def grid_sums(self) -> list[GridSums]:
        """The raw sums per grid; axis 1 follows positions."""
        return self.recorder.grid_sums()

    def layer_sums(self) -> list[LayerSums]:
        """The raw sums per module and head (keep="heads"); axis 1 follows positions."""
        return self.recorder.layer_sums()

    @property
    def positions(self) -> tuple[int, ...] | None:
        """The token positions that were summed, ascending; None for all keys."""
        return self._columns

    def select(
        self, word: str | WordSpan, *, image: int = 0, occurrence: Occurrence = 0, phrases: Sequence[str] = ()
    ) -> TokenSelection:
        """The tokens of a word or phrase in an image's prompt.

        occurrence: which one, counted from 0, or "all".  phrases: see words.find_spans.
        Raises LookupError for a word that isn't in the prompt.
        """
        index = image // self.images_per_prompt
        if isinstance(word, WordSpan):
            return select_tokens(self.tokens[index], [(word.start, word.end)])
        prompt = self.prompts[index]
        spans = find_spans(prompt, word, phrases=phrases)
        chosen = spans if occurrence == "all" else spans[occurrence : occurrence + 1]
        if not chosen:
            raise LookupError(f"{word!r} (occurrence {occurrence}) is not a word of {prompt!r}")
        return select_tokens(self.tokens[index], chosen)

    def token_maps(
        self,
        *,
        variant: Variant = "paper",
        out_hw: Grid | None = None,
        head_weights: Mapping[tuple[str, int], float] | None = None,
    ) -> Tensor:
        """(images, tokens, height, width), raw; tokens follow positions.

        out_hw: defaults to the latent size.  head_weights: see aggregation.heads; replaces the variant.
        """
        size = out_hw or self.latent_hw
        if head_weights is not None:
            return aggregation.heads(self.layer_sums(), weights=head_weights, out_hw=size)
        if variant == "castorini":
            maps = aggregation.castorini(self.layer_sums(), latent_hw=self.latent_hw)
            return aggregation.bicubic(maps, out_hw=size)
        combine = aggregation.v1 if variant == "v1" else aggregation.paper
        return combine(self.grid_sums(), out_hw=size)

    def word_map(
        self,
        word: str | WordSpan,
        *,
        image: int = 0,
        occurrence: Occurrence = 0,
        phrases: Sequence[str] = (),
        variant: Variant = "paper",
        out_hw: Grid | None = None,
        head_weights: Mapping[tuple[str, int], float] | None = None,
    ) -> np.ndarray:
        """(height, width), float32, raw: the mean over the word's tokens.

        Raises LookupError for a word that isn't in the prompt or that the model doesn't see.
        """
        selection = self.select(word, image=image, occurrence=occurrence, phrases=phrases)
        if not selection.positions:
            raise LookupError(f"{word!r} lies past the model's context window: the model doesn't see it")
        maps = self.token_maps(variant=variant, out_hw=out_hw, head_weights=head_weights)[image]
        return self.mean_over(selection, maps)

    def mean_over(self, selection: TokenSelection, token_maps: Tensor) -> np.ndarray:
        """The mean of the selected tokens' maps. token_maps: (tokens, height, width) of one image."""
        found = selection.positions if self._columns is None else self._indices(selection)
        mean: np.ndarray = token_maps[list(found)].mean(dim=0).cpu().numpy()
        return mean

    def _refuse_expanded_prompts(self) -> None:
        """A word that textual inversion spells in several vectors moves every later token."""
        expand = getattr(self._pipeline, "maybe_convert_prompt", None)
        changed = [prompt for prompt in self.prompts if expand and expand(prompt, self._tokenizer) != prompt]
        if changed:
            raise ValueError(f"{changed[0]!r} holds a textual inversion of several vectors; can't be traced")

    def _indices(self, selection: TokenSelection) -> list[int]:
        columns = self._columns or ()
        if missing := set(selection.positions) - set(columns):
            raise LookupError(f"token positions {sorted(missing)} were not traced; name the word to trace()")
        return [columns.index(position) for position in selection.positions]

    def _wanted_columns(self) -> tuple[int, ...] | None:
        if self._positions is not None:
            return tuple(sorted(set(self._positions)))
        if not self.tokens:
            return None
        if self._words is None:
            # The start token, every content token of the longest prompt, and the first end token.
            return tuple(range(max(tokens.visible for tokens in self.tokens) + 2))
        if len(self._words) != len(self.prompts):
            raise ValueError(f"words of {len(self._words)} prompts given for {len(self.prompts)} prompts")
        selections = [
            select_tokens(tokens, [(word.start, word.end)])
            for tokens, words in zip(self.tokens, self._words, strict=True)
            for word in words
        ]
        return tuple(sorted({position for selection in selections for position in selection.positions}))


@contextmanager
def trace(
    pipeline: Any,
    *,
    words: Sequence[Sequence[WordSpan]] | None = None,
    positions: Sequence[int] | None = None,
    prompts: Sequence[str] | None = None,
    keep: Keep = "grids",
    scope: Scope | None = None,
) -> Iterator[Trace]:
    """Records the cross-attention of a diffusers pipeline with a UNet; the images stay bit for bit the same.

    words: for each prompt, the words to record; left out, every token of the prompts is recorded.
    positions: token positions to record instead, such as the start token (0) or padding.
    prompts: the texts behind prompt_embeds, where the pipeline is not given any text.
    keep: "grids" sums the heads and layers of each grid ("paper" and "v1" maps); "heads" keeps each head
    apart, which "castorini" maps and head weights need, for about thirty times the memory.
    scope: restricts steps, layers, grids and heads.

    Each call of the pipeline starts the trace afresh. Hooks are gone after the block, exception or not.
    """
    recording = Trace(
        pipeline, words=words, positions=positions, prompts=prompts, keep=keep, scope=scope or Scope()
    )
    try:
        recording.recorder.attach()
        with watched_prompts(pipeline, recording.start):
            yield recording
    finally:
        recording.recorder.detach()
