"""Which rows of a UNet batch belong to the prompts.

Guidance puts several copies of the images into one batch: [without prompt, with prompt] for Stable Diffusion,
[text, image, neither] for InstructPix2Pix. The rows are found by what they hold, not by where a pipeline of
one kind is expected to put them: the conditional rows hold the prompt embeddings that the pipeline has just
made.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PromptBatch:
    """What one call of a pipeline generates.

    prompts: one text per prompt, or None where only embeddings were given.
    images: number of images, all prompts together; image n belongs to prompt n // images_per_prompt.
    embeddings: (images, keys, channels), the prompt embeddings, or None where the pipeline does not say.
    """

    prompts: tuple[str, ...] | None
    images: int
    images_per_prompt: int
    embeddings: Tensor | None


def conditional_rows(batch: PromptBatch, keys: Tensor) -> slice | None:
    """The rows of a UNet batch that carry the prompts; None for a call without any (guidance in two calls).

    keys: (rows, keys, channels), the UNet's encoder_hidden_states. Raises ValueError where the rows are not a
    whole number of copies of the images.
    """
    copies, rest = divmod(keys.shape[0], batch.images)
    if rest or copies == 0:
        raise ValueError(f"{keys.shape[0]} rows in the UNet batch are no multiple of {batch.images} images")
    chunks = [slice(index * batch.images, (index + 1) * batch.images) for index in range(copies)]
    # By convention the prompt comes last in a pair and first in a triple.
    conventional = chunks[-1] if copies <= 2 else chunks[0]
    if batch.embeddings is None:
        return conventional
    wanted = batch.embeddings.to(device=keys.device, dtype=keys.dtype)
    matching = [chunk for chunk in chunks if torch.equal(keys[chunk], wanted)]
    if not matching:
        return None
    return conventional if conventional in matching else matching[0]


@contextmanager
def watched_prompts(pipeline: Any, on_prompts: Callable[[PromptBatch], None]) -> Iterator[None]:
    """Calls on_prompts with the batch of each call of the pipeline; the pipeline is as before afterwards.

    Works for pipelines with encode_prompt (all of today's) or _encode_prompt (InstructPix2Pix).
    """
    name = "encode_prompt" if hasattr(pipeline, "encode_prompt") else "_encode_prompt"
    original = getattr(pipeline, name)
    before = vars(pipeline).get(name)
    signature = inspect.signature(original)

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        arguments = signature.bind(*args, **kwargs).arguments
        on_prompts(_prompt_batch(arguments, result))
        return result

    setattr(pipeline, name, watched)
    try:
        yield
    finally:
        if before is None:
            delattr(pipeline, name)
        else:
            setattr(pipeline, name, before)


def _prompt_batch(arguments: dict[str, Any], result: Any) -> PromptBatch:
    prompt = arguments.get("prompt")
    prompts = (prompt,) if isinstance(prompt, str) else tuple(prompt) if prompt is not None else None
    per_prompt = int(arguments.get("num_images_per_prompt", 1))
    embeddings = result[0] if isinstance(result, tuple) else None
    if embeddings is not None:
        images = int(embeddings.shape[0])
    elif prompts is not None:
        images = len(prompts) * per_prompt
    else:
        images = int(arguments["prompt_embeds"].shape[0]) * per_prompt
    return PromptBatch(prompts=prompts, images=images, images_per_prompt=per_prompt, embeddings=embeddings)
