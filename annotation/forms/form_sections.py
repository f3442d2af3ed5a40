"""The campaign form's sections in the order of the page: title, what it is about, names of the fields."""

from typing import Final

from annotation.forms import comparing

SECTIONS: Final = (
    (
        "Items",
        "What of the run is put to raters.",
        (
            "name",
            *comparing.NAMES,
            "vocabulary",
            "parts_of_speech",
            "prompt_filter",
            "items_limit",
            "stratify_by",
        ),
    ),
    (
        "What raters read",
        "Frozen word for word when the campaign opens.",
        ("language", "title", "question", "instructions", "consent_text", "contact"),
    ),
    (
        "How many ratings",
        "",
        (
            "raters_per_item",
            "items_per_rater",
            "share_cap_percent",
            "seconds_per_item",
            "lease_minutes",
            "places_kept",
            "adjudicate_from_percent",
        ),
    ),
    (
        "Money",
        "For the list of payments and the budget. Nobody is paid from here, and raters don't see it: what "
        "they are paid is on their platform and in your consent text.",
        ("pay_per_rater", "currency", "budget"),
    ),
    (
        "Training and qualification",
        "Before the first question, with items whose answer you know: mark them on the draft's page of known "
        "answers. Without marked items there is neither.",
        ("pass_mark_percent", "practice_attempts"),
    ),
    (
        "Attention checks",
        "They look like any other item. Who fails is left out of the analysis, reversibly.",
        (
            "checks_per_rater",
            "known_per_rater",
            "instructed_per_rater",
            "repeats_per_rater",
            "repeat_tolerance",
            "repeat_overlap_percent",
            "checks_allowed_wrong",
        ),
    ),
    (
        "Coming and going",
        "Codes and addresses are your platform's; leave empty what it has none of. {rater} in an address "
        "stands for the platform's id of the rater.",
        (
            "plain_link",
            "count_devices",
            "automatic_back_fill",
            "completion_code",
            "completion_url",
            "no_consent_code",
            "no_consent_url",
            "screened_out_code",
            "screened_out_url",
        ),
    ),
)
