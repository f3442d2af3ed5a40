"""How large a run may be. Pure."""

from typing import Final

from generation.registry import GenerationSettings

# One joint cap: 20,000 images of 512 x 512 pixels in 30 steps, about a day of one good GPU.
MAX_WORK: Final = 20_000 * 512 * 512 * 30
MAX_IMAGES: Final = 100_000


def work_of(settings: GenerationSettings, *, images: int) -> int:
    """Pixels times steps times images."""
    return settings.height * settings.width * settings.steps * images


def refusal(settings: GenerationSettings, *, images: int) -> str:
    """Why so much can't be asked of one run, with the remedy; empty where it can."""
    if images == 0:
        return "The prompt set has no prompts. Choose another one."
    if images > MAX_IMAGES:
        return f"{images:,} images; one run makes at most {MAX_IMAGES:,}. Ask for fewer images per prompt."
    work = work_of(settings, images=images)
    if work > MAX_WORK:
        return (
            f"{settings.width} x {settings.height} pixels x {settings.steps} steps x {images:,} images is "
            f"{work / MAX_WORK:.1f} times what one run may ask for. "
            "Ask for fewer or smaller images, or fewer steps."
        )
    return ""
