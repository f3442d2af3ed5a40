"""How templates write what a plan promises."""

import math

from django import template

register = template.Library()


@register.filter
def half_width(points: float) -> str:
    """A half-width in points, or a dash where it is not defined."""
    return "–" if math.isnan(points) else f"±{points:.2f}"


@register.filter
def chance(power: float) -> str:
    """A probability in whole percent; never 100 % for what is not certain."""
    if math.isnan(power):
        return "–"
    return "> 99 %" if power >= 0.995 else f"{100 * power:.0f} %"
