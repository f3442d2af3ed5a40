"""How templates say what was done."""

from django import template

from annotation.history import in_words

register = template.Library()
register.filter("act_in_words", in_words)
