"""The real application with its pages imported at once: a worker forked after a kill answers at once."""

from django.urls import get_resolver

from config.wsgi import application

# Reading this imports every page of the project.
get_resolver().url_patterns  # noqa: B018

__all__ = ["application"]
