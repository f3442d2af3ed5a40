"""The start page: what Percept is, or for a researcher, what is there and what comes next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.models import Campaign
from generation.models import PromptSet, Run
from generation.queries import prompt_sets_with_counts, runs_with_counts
from generation.queue_state import queue_state

LATEST = 5


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """A page for everybody; the signed-in see their own latest work."""
    if not request.user.is_authenticated:
        return render(request, "home.html")
    prompt_sets = PromptSet.objects.visible_to(request.user)
    runs = Run.objects.visible_to(request.user)
    campaigns = Campaign.objects.visible_to(request.user).listed()
    context = {
        "prompt_set_count": prompt_sets.count(),
        "run_count": runs.count(),
        "campaign_count": campaigns.count(),
        "prompt_sets": prompt_sets_with_counts(prompt_sets)[:LATEST],
        "runs": runs_with_counts(runs)[:LATEST],
        "campaigns": campaigns[:LATEST],
        "queue": queue_state(request.user),
    }
    return render(request, "home.html", context)
