"""How templates write shares."""

from django import template

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share in [0, 1] as a whole or one-digit percentage."""
    shown = f"{100 * share:.1f}"
    return f"{shown.removesuffix('.0')}\u00a0%"
