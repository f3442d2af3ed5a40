"""trace(): word maps of whatever a diffusers pipeline generates inside the with block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from generation.attribution import aggregation, arguments
from generation.attribution.encoders import Encoder, encoders_of
from generation.attribution.layout import PromptBatch, watched_prompts
from generation.attribution.options import check_size
from generation.attribution.recorder import Recorder
from generation.attribution.running import running_pipeline
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope
from generation.attribution.words import (
    Occurrence,
    PromptTokens,
    Special,
    TokenSelection,
    WordSpan,
    find_spans,
    select_special,
    select_tokens,
)

Keep = Literal["grids", "heads"]
Variant = Literal["paper", "v1", "castorini"]
_ADVICE = "; for maps of chosen heads, give head_weights and leave variant out"


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
        arguments.check_choice("keep", keep, get_args(Keep))
        arguments.check_words(words)
        arguments.check_texts("prompts", prompts)
        if positions is not None:
            arguments.check_numbers("positions", positions)
        if hasattr(pipeline, "get_views"):
            raise ValueError(
                f"{type(pipeline).__name__} draws its picture in views that overlap; their maps have no "
                "common place, so it can't be traced"
            )
        self._pipeline = pipeline
        self._words = words
        self._positions = positions
        self._given_prompts = prompts
        self._columns: tuple[int, ...] | None = ()
        self.recorder = Recorder(denoiser_of(pipeline), scope=scope, per_head=keep == "heads")
        self.prompts: tuple[str, ...] = ()
        self.encoders: tuple[Encoder, ...] = ()
        self.images_per_prompt = 1
        self._images = 0

    def start(self, batch: PromptBatch) -> None:
        """Begins anew with the prompts of a pipeline call."""
        if denoiser_of(self._pipeline) is not self.recorder.denoiser:
            raise ValueError(
                "the pipeline's denoiser was exchanged inside the trace; exchange it before trace()"
            )
        prompts = self._given_prompts if self._given_prompts is not None else batch.prompts
        self.prompts = tuple(prompts or ())
        arguments.check_prompt_count(prompts=self.prompts, images=batch.images)
        self._images = batch.images
        self.images_per_prompt = batch.images // len(self.prompts) if self.prompts else batch.images
        self.encoders = encoders_of(self._pipeline, batch, self.prompts) if self.prompts else ()
        self._columns = self._wanted_columns()
        # Whoever runs now has had the prompts encoded: the pipeline itself, or one that makes use of it.
        self.recorder.start(batch, columns=self._columns, runs=(self._pipeline, running_pipeline()))

    @property
    def tokens(self) -> tuple[PromptTokens, ...]:
        """Where the first text encoder reads the prompts; see encoders for the others."""
        return self.encoders[0].tokens if self.encoders else ()

    @property
    def divisor(self) -> int:
        """How many probabilities (steps x layers x heads) are averaged in a "paper" or "v1" map.

        The map times the divisor is the sum that the papers define.
        """
        return sum(grid.terms for grid in self.grid_sums())

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
        self,
        word: str | WordSpan,
        *,
        image: int = 0,
        occurrence: Occurrence = 0,
        phrases: Sequence[str] = (),
        encoder: str | None = None,
    ) -> TokenSelection:
        """The tokens of a word or phrase in an image's prompt.

        occurrence: which one, counted from 0, or "all".  phrases: see words.find_spans.
        encoder: the text encoder whose tokens are meant ("text_encoder_3"), in the text that it was given;
        left out, all that read the prompt: those that see the whole word, or else what any sees of it.
        Raises LookupError for a word that isn't in the prompt.
        """
        arguments.check_texts("phrases", phrases)
        index = self._prompt_of(image)
        found = []
        for each in self._readers(encoder, index):
            spans = _spans(each.prompts[index], word, occurrence=occurrence, phrases=phrases)
            found.append(select_tokens(each.tokens[index], spans))
        whole = [selection for selection in found if selection.is_seen]
        return _joined(whole or found)

    def special(self, kind: Special, *, image: int = 0, encoder: str | None = None) -> TokenSelection:
        """The start token, the end token or the padding of an image's prompt; encoder as for select."""
        index = self._prompt_of(image)
        return _joined([select_special(each.tokens[index], kind) for each in self._readers(encoder, index)])

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
        arguments.check_choice("variant", variant, get_args(Variant), remedy=_ADVICE)
        if out_hw is not None:
            check_size("out_hw", out_hw)
        size = self.latent_hw if out_hw is None else (int(out_hw[0]), int(out_hw[1]))
        # Under autocast, the products that enlarge would come in half precision.
        with torch.autocast(self.recorder.device_type, enabled=False):
            return self._combined(variant, size, head_weights)

    def _combined(
        self, variant: Variant, size: Grid, head_weights: Mapping[tuple[str, int], float] | None
    ) -> Tensor:
        if head_weights is not None:
            return aggregation.heads(self.layer_sums(), weights=head_weights, out_hw=size)
        if variant == "castorini":
            maps = aggregation.castorini(self.layer_sums(), latent_hw=self.latent_hw)
            return aggregation.bicubic(maps, out_hw=size)
        combine = aggregation.v1 if variant == "v1" else aggregation.paper
        return combine(self.grid_sums(), out_hw=size)

    def word_map(
        self,
        word: str | WordSpan | TokenSelection,
        *,
        image: int = 0,
        occurrence: Occurrence = 0,
        phrases: Sequence[str] = (),
        encoder: str | None = None,
        variant: Variant = "paper",
        out_hw: Grid | None = None,
        head_weights: Mapping[tuple[str, int], float] | None = None,
    ) -> np.ndarray:
        """(height, width), float32, raw: the mean over the word's tokens.

        word: also what select() or special() returned.
        Raises LookupError for a word that isn't in the prompt or that the model doesn't see.
        """
        arguments.check_image(image, images=self._images)
        if isinstance(word, TokenSelection):
            selection = word
        else:
            selection = self.select(
                word, image=image, occurrence=occurrence, phrases=phrases, encoder=encoder
            )
        if not selection.positions:
            raise LookupError(f"{word!r} lies past the model's context window: the model doesn't see it")
        maps = self.token_maps(variant=variant, out_hw=out_hw, head_weights=head_weights)[image]
        return self.mean_over(selection, maps)

    def mean_over(self, selection: TokenSelection, token_maps: Tensor) -> np.ndarray:
        """The mean of the selected tokens' maps. token_maps: (tokens, height, width) of one image."""
        found = selection.positions if self._columns is None else self._indices(selection)
        mean: np.ndarray = token_maps[list(found)].mean(dim=0).cpu().numpy()
        return mean

    def _prompt_of(self, image: int) -> int:
        """The number of an image's prompt."""
        arguments.check_image(image, images=self._images)
        return image // self.images_per_prompt

    def _readers(self, encoder: str | None, index: int) -> list[Encoder]:
        """The encoder of that name; without a name, all that read the prompt."""
        if not self.encoders:
            raise LookupError("the pipeline was given no text; name it to trace() as prompts")
        if encoder is None:
            return [each for each in self.encoders if each.prompts[index] == self.prompts[index]]
        chosen = [each for each in self.encoders if each.name == encoder]
        if not chosen:
            names = ", ".join(each.name for each in self.encoders)
            raise LookupError(f"no keys come from {encoder!r}; the model attends to {names}")
        return chosen

    def _indices(self, selection: TokenSelection) -> list[int]:
        columns = self._columns or ()
        if missing := set(selection.positions) - set(columns):
            raise LookupError(f"token positions {sorted(missing)} were not traced; name the word to trace()")
        return [columns.index(position) for position in selection.positions]

    def _wanted_columns(self) -> tuple[int, ...] | None:
        if self._positions is not None:
            return tuple(sorted(set(self._positions)))
        if not self.encoders:
            return None
        wanted: set[int] = set()
        if self._words is None:
            # The start token, every content token of the longest prompt, and the first end token.
            for tokens in (tokens for encoder in self.encoders for tokens in encoder.tokens):
                (end,) = select_special(tokens, "end").positions
                wanted.update(range(tokens.keys[0], end + 1))
            return tuple(sorted(wanted))
        if len(self._words) != len(self.prompts):
            raise ValueError(f"words of {len(self._words)} prompts given for {len(self.prompts)} prompts")
        for index, words in enumerate(self._words):
            for each in self._readers(None, index):
                selection = select_tokens(each.tokens[index], [(word.start, word.end) for word in words])
                wanted.update(selection.positions)
        return tuple(sorted(wanted))


def denoiser_of(pipeline: Any) -> Any:
    """The model of a pipeline that is run at every step: its UNet or its transformer."""
    found = getattr(pipeline, "unet", None)
    found = getattr(pipeline, "transformer", None) if found is None else found
    if found is None:
        raise ValueError(f"{type(pipeline).__name__} has neither a UNet nor a transformer; can't be traced")
    return found


def _spans(
    prompt: str, word: str | WordSpan, *, occurrence: Occurrence, phrases: Sequence[str]
) -> Sequence[tuple[int, int]]:
    if isinstance(word, WordSpan):
        return [(word.start, word.end)]
    spans = find_spans(prompt, word, phrases=phrases)
    chosen = spans if occurrence == "all" else spans[occurrence : occurrence + 1]
    if not chosen:
        raise LookupError(f"{word!r} (occurrence {occurrence}) is not a word of {prompt!r}")
    return chosen


def _joined(selections: Sequence[TokenSelection]) -> TokenSelection:
    """The tokens of several encoders. Two that read the same keys (XL) count once."""
    positions = {position for selection in selections for position in selection.positions}
    return TokenSelection(
        positions=tuple(sorted(positions)), lost=max((each.lost for each in selections), default=0)
    )


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
    """Records a diffusers pipeline's attention to its text; the images stay bit for bit the same.

    words: for each prompt, the words to record; left out, every token of the prompts is recorded.
    positions: token positions to record instead, such as the start token (0) or padding.
    prompts: the texts behind prompt_embeds, where the pipeline is not given any text.
    keep: "grids" sums the heads and layers of each grid ("paper" and "v1" maps); "heads" keeps each head
    apart, which "castorini" maps and head weights need, for about thirty times the memory.
    scope: restricts steps, layers, grids and heads.
    What can't be is refused with a ValueError or TypeError: here, or once the pipeline has encoded its text.

    Each call of the pipeline starts the trace afresh. Calls of another pipeline that shares its denoiser are
    left out, also in other threads. Of two threads in one traced pipeline, the one that began last is
    recorded, and the other is refused at its next step. Hooks are gone after the block, exception or not.
    """
    recording = Trace(
        pipeline, words=words, positions=positions, prompts=prompts, keep=keep, scope=scope or Scope()
    )
    try:
        recording.recorder.attach()
        with watched_prompts(pipeline, recording.start, has_run=lambda: recording.recorder.calls_seen > 0):
            yield recording
    finally:
        recording.recorder.detach()
