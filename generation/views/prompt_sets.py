"""The list of prompt sets, one set with its words, and the correction of a prompt's parts of speech."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from generation import queries
from generation.forms import MoveForm, WordsForm
from generation.models import Prompt, PromptSet
from generation.services.prompt_sets import correct_word
from generation.views import scope
from generation.views.fragments import wants_fragment

SETS_ON_A_PAGE = 25
PROMPTS_ON_A_PAGE = 30


@login_required
@never_cache
@require_safe
def prompt_sets(request: HttpRequest) -> HttpResponse:
    """Every prompt set that the user may see, the newest first."""
    visible = queries.prompt_sets_with_counts(
        PromptSet.objects.visible_to(request.user).select_related("project")
    )
    page = Paginator(visible, SETS_ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "generation/prompt_sets.html", {"section": "prompts", "page": page})


@login_required
@never_cache
@require_safe
def prompt_set(request: HttpRequest, pk: int) -> HttpResponse:
    """One prompt set: its prompts with their words, a page at a time."""
    found = scope.one_of(request, PromptSet.objects.select_related("project"), pk=pk)
    prompts = found.prompts.prefetch_related("words")
    context = {
        "section": "prompts",
        "prompt_set": found,
        "can_edit": scope.can_edit(request, found),
        "move_form": MoveForm(initial={"project": found.project_id}, user=request.user),
        "parts_of_speech": queries.words_by_part_of_speech(found),
        "page": Paginator(prompts, PROMPTS_ON_A_PAGE).get_page(request.GET.get("page")),
        "runs": queries.runs_with_counts(found.runs.all())[:10],
    }
    return render(request, "generation/prompt_set.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def prompt_words(request: HttpRequest, pk: int, prompt_pk: int) -> HttpResponse:
    """A form with one choice per word of a prompt; a fragment for scripts, a page without them."""
    found = scope.one_of(request, PromptSet.objects.select_related("project"), pk=pk)
    prompt = get_object_or_404(Prompt.objects.prefetch_related("words"), prompt_set=found, pk=prompt_pk)
    form = WordsForm(list(prompt.words.all()), request.POST if request.method == "POST" else None)
    context = {"section": "prompts", "prompt_set": found, "prompt": prompt, "form": form, "can_edit": True}
    if request.method == "POST" and form.is_valid():
        for word, part_of_speech in form.changed_words():
            correct_word(word, part_of_speech=part_of_speech)
        if wants_fragment(request):
            return render(request, "generation/partials/prompt.html", context)
        messages.success(request, "Parts of speech saved.")
        return redirect(f"{reverse('generation:prompt_set', args=[found.pk])}#prompt-{prompt.pk}")
    template = "partials/words_form.html" if wants_fragment(request) else "prompt_words.html"
    return render(request, f"generation/{template}", context, status=400 if form.errors else 200)
