"""Numbers below 0 on pages."""

from django import template

from common.signs import true_minus

register = template.Library()


@register.filter
def minus(number: str) -> str:
    """A formatted number with a minus sign where it has a hyphen: `{{ bits|floatformat:2|minus }}`."""
    return true_minus(number)
