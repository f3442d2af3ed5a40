"""A run whose images were made elsewhere: another system's pictures of the same prompts."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from generation import storage
from generation.choices import ImageState, RunActKind, RunState, SafetyVerdict
from generation.models import Image, Prompt, PromptSet, Run, RunAct
from generation.uploaded_pictures import UploadedPicture

# No model of the registry: no worker ever takes such a run.
MODEL_ID: Final = "uploaded"
NO_SCHEDULER: Final = "none"


def upload_run(owner: User, prompt_set: PromptSet, *, name: str, pictures: Sequence[UploadedPicture]) -> Run:
    """A finished run with exactly these images and no word maps. pictures: of one size, at least one.

    Its revision is the hash of its pictures. Raises OSError (disk full), and nothing is stored then.
    """
    staged: list[tuple[Image, storage.StagedImage]] = []
    try:
        with transaction.atomic():
            run = _run(owner, prompt_set, name=name, pictures=pictures)
            prompts = dict(Prompt.objects.filter(prompt_set=prompt_set).values_list("row_number", "pk"))
            images = Image.objects.bulk_create(
                Image(run=run, prompt_id=prompts[picture.row], seed=picture.number) for picture in pictures
            )
            for image, picture in zip(images, pictures, strict=True):
                files = storage.stage_image(image.pk, run_id=run.pk, png=picture.png, word_maps={})
                staged.append((image, files))
            for image, files in staged:
                _finish(image, files)
            RunAct.objects.create(run=run, actor=owner, act=RunActKind.STARTED)
    except BaseException:
        for _, files in staged:
            storage.discard(files)
        raise
    return run


def _run(owner: User, prompt_set: PromptSet, *, name: str, pictures: Sequence[UploadedPicture]) -> Run:
    digest = sha256(b"".join(sha256(picture.png).digest() for picture in pictures)).hexdigest()
    return Run.objects.create(
        owner=owner,
        prompt_set=prompt_set,
        name=name,
        state=RunState.QUEUED,
        model_id=MODEL_ID,
        model_revision=digest,
        scheduler=NO_SCHEDULER,
        steps=1,
        guidance=0,
        height=pictures[0].height,
        width=pictures[0].width,
        images_per_prompt=1 + max(picture.number for picture in pictures),
    )


def _finish(image: Image, files: storage.StagedImage) -> None:
    storage.publish(files)
    Image.objects.filter(pk=image.pk).update(
        state=ImageState.DONE,
        file=files.name,
        file_sha256=files.sha256,
        maps_file=files.maps_name,
        maps_sha256=files.maps_sha256,
        safety_verdict=SafetyVerdict.UNCHECKED,
        generated_at=Now(),
    )
