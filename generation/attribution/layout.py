"""Which rows of a UNet batch belong to the prompts.

Guidance puts several copies of the images into one batch: [without prompt, with prompt] for Stable Diffusion,
[text, image, neither] for InstructPix2Pix. The rows are found by what they hold, not by where a pipeline of
one kind is expected to put them: the conditional rows hold the prompt embeddings that the pipeline has just
made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from generation.attribution.signatures import signature_of


@dataclass(frozen=True, kw_only=True)
class PromptBatch:
    """What one call of a pipeline generates.

    prompts: one text per prompt, or None where only embeddings were given.
    images: number of images, all prompts together; image n belongs to prompt n // images_per_prompt.
    embeddings: (images, keys, channels), the prompt embeddings, or None where the pipeline does not say.
    guided: whether the pipeline adds rows without the prompt.
    others: the texts that were given for one text encoder only, by argument ("prompt_2", "prompt_3").
    sequence_length: the keys that T5 makes of a text, where the pipeline lets callers choose.
    """

    prompts: tuple[str, ...] | None
    images: int
    images_per_prompt: int
    embeddings: Tensor | None
    guided: bool = True
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sequence_length: int | None = None


def conditional_rows(batch: PromptBatch, keys: Tensor) -> slice | None:
    """The rows of a UNet batch that carry the prompts; None for a call without any (guidance in two calls).

    keys: (rows, keys, channels), the UNet's encoder_hidden_states. Raises ValueError where the rows are not a
    whole number of copies of the images.
    """
    copies, rest = divmod(keys.shape[0], batch.images)
    if rest or copies == 0:
        raise ValueError(f"{keys.shape[0]} rows in the UNet batch are no multiple of {batch.images} images")
    chunks = [slice(index * batch.images, (index + 1) * batch.images) for index in range(copies)]
    # By convention the prompt comes last in a guided pair and first in a triple. Without guidance, a second
    # copy of the prompt carries perturbed attention, and follows the plain one.
    conventional = chunks[-1] if copies <= 2 and batch.guided else chunks[0]
    if batch.embeddings is None:
        return conventional
    wanted = batch.embeddings.to(device=keys.device, dtype=keys.dtype)
    matching = [chunk for chunk in chunks if torch.equal(keys[chunk], wanted)]
    if not matching:
        return None
    return conventional if conventional in matching else matching[0]


def refuse_changed_text(batch: PromptBatch, keys: Tensor, *, times: tuple[Any, Any]) -> None:
    """Raises ValueError for a call without the prompt's rows unless it is guidance's own, of one copy.

    times: the time step of the call before, where that was without the prompt too (or None), and of this one.
    Guidance asks without the prompt several times in one step at most.
    """
    before, now = times
    is_alone = before is not None and not torch.equal(torch.as_tensor(before), torch.as_tensor(now))
    if keys.shape[0] > batch.images or not batch.guided or is_alone:
        raise ValueError(
            "the denoiser is given another text than the one that was encoded: prompt_embeds were changed "
            "during the run (by a callback?), so these steps are none of the prompt"
        )


@contextmanager
def watched_prompts(
    pipeline: Any,
    on_prompts: Callable[[PromptBatch], None],
    *,
    has_run: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Calls on_prompts with the batch of each call of the pipeline; the pipeline is as before afterwards.

    Works for pipelines with encode_prompt (all of today's) or _encode_prompt (InstructPix2Pix), and for that
    method called by itself. Some pipelines call it again for the negative prompt: within one call of the
    pipeline, only the first counts.
    has_run: whether the denoiser has run since the last on_prompts; left out, each call counts.
    """
    call: Literal["none", "begun", "encoded"] = "none"

    def on_check(*_: Any) -> None:
        nonlocal call
        call = "begun"

    def on_encode(arguments: dict[str, Any], result: Any) -> None:
        nonlocal call
        if call == "encoded" and not has_run():
            return
        call = "encoded" if call == "begun" else "none"
        on_prompts(_prompt_batch(arguments, result))

    name = "encode_prompt" if hasattr(pipeline, "encode_prompt") else "_encode_prompt"
    with ExitStack() as stack:
        stack.enter_context(_watched(pipeline, name, on_encode))
        if hasattr(pipeline, "check_inputs"):
            stack.enter_context(_watched(pipeline, "check_inputs", on_check))
        yield


@contextmanager
def _watched(pipeline: Any, name: str, then: Callable[[dict[str, Any], Any], None]) -> Iterator[None]:
    """Calls then with the arguments and the result of each call of a method."""
    original = getattr(pipeline, name)
    before = vars(pipeline).get(name)
    signature = signature_of(original)

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        then(bound.arguments, result)
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
    prompts = _texts(arguments.get("prompt"))
    per_prompt = int(arguments.get("num_images_per_prompt") or 1)
    embeddings = result[0] if isinstance(result, tuple) else None
    if embeddings is not None:
        images = int(embeddings.shape[0])
    elif prompts is not None:
        images = len(prompts) * per_prompt
    else:
        images = int(arguments["prompt_embeds"].shape[0]) * per_prompt
    others = {name: _texts(arguments.get(name)) for name in ("prompt_2", "prompt_3")}
    return PromptBatch(
        prompts=prompts,
        images=images,
        images_per_prompt=per_prompt,
        embeddings=embeddings,
        guided=bool(arguments.get("do_classifier_free_guidance", True)),
        others={name: texts for name, texts in others.items() if texts and any(texts)},
        sequence_length=arguments.get("max_sequence_length"),
    )


def _texts(prompt: Any) -> tuple[str, ...] | None:
    if prompt is None:
        return None
    return (prompt,) if isinstance(prompt, str) else tuple(prompt)
