"""What an item shows, a picture or a word's map: columns that queries add for the exports."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from annotation.models import Campaign
from annotation.systems import systems_of

Rows = TypeVar("Rows", bound=QuerySet[Any])
SHOWN: Final = "shown_"
# From the name behind SHOWN to the path from the image.
OF_IMAGE: Final[Mapping[str, str]] = {
    "prompt_id": "prompt_id",
    "prompt_row": "prompt__row_number",
    "prompt": "prompt__text",
    "seed": "seed",
    "image_sha256": "file_sha256",
    "maps_sha256": "maps_sha256",
    "safety_verdict": "safety_verdict",
    "versions": "versions",
    **{
        name: f"run__{name}"
        for name in (
            "model_id", "model_revision", "scheduler", "steps", "guidance", "height", "width",
            "negative_prompt",
        )
    },
}  # fmt: skip


def with_shown(rows: Rows, *, campaign: Campaign, item: str = "") -> Rows:
    """The rows with `shown_` and each name of OF_IMAGE, and `shown_system`.

    item: path from a row to its item, with underscores; the new names begin with it.  Of a pair they are of
    its first side.
    """
    columns: dict[str, Coalesce | Case] = {
        f"{item}{SHOWN}{name}": Coalesce(F(f"{item}word_map__image__{path}"), F(f"{item}image__{path}"))
        for name, path in OF_IMAGE.items()
    }
    columns[f"{item}{SHOWN}system"] = system_case(campaign, item=item)
    added: Rows = rows.annotate(**columns)
    return added


def system_case(campaign: Campaign, *, item: str = "", other: str = "") -> Case:
    """The name of the system on one side of the items. other: "other_" for a pair's second side."""
    whens = []
    for system in systems_of(campaign):
        of_map = Q(**{f"{item}{other}word_map__image__run": system.run})
        of_image = Q(**{f"{item}{other}image__run": system.run})
        by = Q(**{f"{item}{other}method": system.method})
        whens.append(When((of_map | of_image) & by, then=Value(system.name)))
    return Case(*whens, default=Value(""), output_field=CharField())
