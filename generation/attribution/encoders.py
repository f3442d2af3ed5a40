"""Which keys of a denoiser come from which text encoder, and so where each of them reads a prompt's words.

Stable Diffusion 1 and 2 have one encoder. XL joins two along the channels: both read the same key positions.
Stable Diffusion 3 puts the keys of T5 behind those of its two CLIP encoders. Flux attends to T5 alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generation.attribution.layout import PromptBatch
from generation.attribution.words import PromptTokens, tokenize


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """One text encoder of a pipeline.

    name: as the pipeline calls it ("text_encoder", "text_encoder_2", "text_encoder_3").
    prompts: the texts that it reads, one for each prompt.
    tokens: where it reads them, one for each prompt.
    """

    name: str
    prompts: tuple[str, ...]
    tokens: tuple[PromptTokens, ...]


def encoders_of(pipeline: Any, batch: PromptBatch, prompts: Sequence[str]) -> tuple[Encoder, ...]:
    """The encoders whose keys the pipeline's denoiser attends to, for one call of the pipeline.

    prompts: one text for each prompt, those of the batch or what the caller says stands behind embeddings.
    """
    kind = type(getattr(pipeline, "transformer", None)).__name__
    if kind.startswith("Flux"):
        return (_t5(pipeline, "text_encoder_2", pipeline.tokenizer_2, first=0, batch=batch, prompts=prompts),)
    found = _clips(pipeline, batch, prompts)
    if getattr(pipeline, "text_encoder_3", None) is not None:
        first = int(pipeline.tokenizer.model_max_length)
        t5 = _t5(pipeline, "text_encoder_3", pipeline.tokenizer_3, first=first, batch=batch, prompts=prompts)
        found = (*found, t5)
    return found


def _clips(pipeline: Any, batch: PromptBatch, prompts: Sequence[str]) -> tuple[Encoder, ...]:
    keys = None if batch.embeddings is None else int(batch.embeddings.shape[1])
    # Stable Diffusion 3 joins its keys with those of T5, or with zeros in their place: one window for CLIP.
    is_joint = type(getattr(pipeline, "transformer", None)).__name__.startswith("SD3")
    found = []
    for name, tokenizer_name in (("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")):
        tokenizer = getattr(pipeline, tokenizer_name, None)
        if tokenizer is None:
            continue
        texts = _texts_for(name, batch, prompts)
        _refuse_expanded(pipeline, tokenizer, texts)
        # Embeddings of long prompts are made in chunks of a whole window each and joined.
        chunks = 1 if keys is None or is_joint else max(1, keys // int(tokenizer.model_max_length))
        tokens = tuple(tokenize(tokenizer, text, chunks=chunks) for text in texts)
        found.append(Encoder(name=name, prompts=texts, tokens=tokens))
    return tuple(found)


def _t5(
    pipeline: Any, name: str, tokenizer: Any, *, first: int, batch: PromptBatch, prompts: Sequence[str]
) -> Encoder:
    texts = _texts_for(name, batch, prompts)
    _refuse_expanded(pipeline, tokenizer, texts)
    keys = batch.sequence_length
    if keys is None:
        if batch.embeddings is None:
            raise ValueError(f"{type(pipeline).__name__} doesn't say how many keys {name} makes of a text")
        keys = int(batch.embeddings.shape[1]) - first
    # T5 has an end token and no start token.
    tokens = tuple(tokenize(tokenizer, text, window=keys - 1, first=first) for text in texts)
    return Encoder(name=name, prompts=texts, tokens=tokens)


def _texts_for(name: str, batch: PromptBatch, prompts: Sequence[str]) -> tuple[str, ...]:
    """An encoder's own texts, where a call gave it any."""
    return batch.others.get(name.replace("text_encoder", "prompt"), tuple(prompts))


def _refuse_expanded(pipeline: Any, tokenizer: Any, texts: Sequence[str]) -> None:
    """A word that textual inversion spells in several vectors moves every later token."""
    expand = getattr(pipeline, "maybe_convert_prompt", None)
    changed = [text for text in texts if expand and expand(text, tokenizer) != text]
    if changed:
        raise ValueError(f"{changed[0]!r} holds a textual inversion of several vectors; can't be traced")
