"""A figure inside a page."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from evaluation.figure_set import Figure

register = template.Library()


@register.filter
def drawing(figure: Figure) -> SafeString:
    """The figure's SVG: `evaluation.svg` escapes every text that goes into it."""
    return mark_safe(figure.svg)  # noqa: S308
