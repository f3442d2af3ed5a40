"""The field for an address that takes raters back to where they came from."""

from typing import Any

from django import forms
from django.core.validators import URLValidator

from annotation import recruitment


class ReturnAddressField(forms.URLField):
    """An address that takes raters back to their platform; {rater} stands for the platform's id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            assume_scheme="https",
            validators=[URLValidator(schemes=["http", "https"])],
            **kwargs,
        )

    def validate(self, value: Any) -> None:
        """Refuses an address in which somebody else's placeholder is left."""
        super().validate(value)
        if value and (part := recruitment.unfilled_part(value)):
            raise forms.ValidationError(
                f"{part} is a part that nobody fills in. Put {recruitment.RATER_PLACEHOLDER} where the "
                "rater's id belongs, and your own code where the code belongs."
            )
