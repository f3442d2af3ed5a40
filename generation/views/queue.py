"""A fragment of the start page and of a run's: what waits, and what the workers do."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from generation.queue_state import queue_state
from generation.views.scope import user_of


@login_required
@never_cache
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """The queue as it stands; asked for again and again by the pages."""
    return render(request, "generation/partials/queue.html", {"queue": queue_state(user_of(request))})
