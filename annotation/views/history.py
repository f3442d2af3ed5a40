"""The audit trail of a campaign: who did what, as a page and as a file."""

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.history import ENTRIES, acts_of
from annotation.models import AuditEntry
from annotation.views.scope import campaign_of
from common.csv_stream import in_chunks, lines

ON_A_PAGE: Final = 50


@login_required
@never_cache
@require_GET
def history(request: HttpRequest, public_id: str) -> HttpResponse:
    """Every act, the latest first; ?act=… shows one kind."""
    found = campaign_of(request, public_id)
    acts = acts_of(found)
    act = request.GET.get("act", "")
    entries = found.audit_entries.select_related("actor", "rater").order_by("-pk")
    if act in acts:
        entries = entries.filter(act=act)
    context = {
        "section": "campaigns",
        "campaign": found,
        "acts": acts,
        "act": act if act in acts else "",
        "page": Paginator(entries, ON_A_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "annotation/history.html", context)


@login_required
@never_cache
@require_GET
def history_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """Every act in the order in which it happened."""
    found = campaign_of(request, public_id)
    entries: Any = AuditEntry.objects.filter(campaign=found).select_related("actor", "rater").order_by("pk")
    pieces = in_chunks(lines(entries.iterator(chunk_size=1000), columns=ENTRIES))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="history.csv"'
    return response
