"""Durations as people say them."""

from django import template

register = template.Library()


@register.filter
def duration(seconds: float) -> str:
    """Seconds as "0.8 s", "40 s", "12 minutes", "3 hours" or "5 days", as rough as an estimate is."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    for size, unit, next_size in ((60, "minute", 5400), (3600, "hour", 172_800)):
        if seconds < next_size:
            return _counted(seconds / size, unit)
    return _counted(seconds / 86_400, "day")


def _counted(amount: float, unit: str) -> str:
    whole = round(amount)
    return f"{whole} {unit}{'' if whole == 1 else 's'}"
