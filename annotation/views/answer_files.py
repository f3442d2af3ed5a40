"""Downloads of the answers that are no scores: presence.csv, pairs.csv, masks.jsonl and masks.zip."""

import tempfile
from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation import kind_exports
from annotation.one_export import one_at_a_time
from annotation.views.scope import campaign_of

IN_MEMORY = 4 * 1024 * 1024


@login_required
@never_cache
@require_GET
@one_at_a_time
def presence_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per checked word."""
    pieces = kind_exports.presence_csv(campaign_of(request, public_id))
    return _download(pieces, name="presence.csv", content_type="text/csv; charset=utf-8")


@login_required
@never_cache
@require_GET
@one_at_a_time
def pairs_csv(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per comparison."""
    pieces = kind_exports.pairs_csv(campaign_of(request, public_id))
    return _download(pieces, name="pairs.csv", content_type="text/csv; charset=utf-8")


@login_required
@never_cache
@require_GET
@one_at_a_time
def masks_jsonl(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """One line per mask, as COCO run-length encoding."""
    pieces = kind_exports.masks_jsonl(campaign_of(request, public_id))
    return _download(pieces, name="masks.jsonl", content_type="application/jsonl; charset=utf-8")


@login_required
@never_cache
@require_GET
@one_at_a_time
def masks_zip(request: HttpRequest, public_id: str) -> FileResponse:
    """The masks as PNG files, with masks.jsonl."""
    # Closed by the response; beyond a few megabytes it lies on disk.
    archive = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
    kind_exports.write_masks_zip(campaign_of(request, public_id), archive)
    archive.seek(0)
    return FileResponse(archive, as_attachment=True, filename="masks.zip", content_type="application/zip")


def _download(pieces: Iterator[bytes], *, name: str, content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
