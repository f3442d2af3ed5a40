"""Every route is asked by everybody: an owner, a manager, a viewer, a stranger, an administrator, a visitor.

The answers must be those of tests/access_table.py. For who is on no project of it, nothing exists.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotation.choices import WebhookEvent
from annotation.models import AuditEntry, Campaign, Webhook, WebhookDelivery
from annotation.services import campaigns, webhooks
from evaluation import uploads
from generation.choices import ProjectRole, TokenScope
from generation.models import ApiToken, Image, MapRequest, Membership, Project, WordMap
from generation.services import api_tokens, projects
from tests import access_table as table
from tests import factories
from tests.evaluation import small_campaign
from tests.evaluation.small_campaign import PLATFORM_IDS

pytestmark = pytest.mark.django_db(transaction=True)

DIGEST: Final = "ab" * 32
ROLES: Final = ("owner", "manager", "viewer", "stranger", "admin", "visitor")
REFUSED: Final = (403, 404)
# The one answer that names a platform's ids (docs/trust.md, P12): to those who may change the campaign.
NAMES_PLATFORM_IDS: Final = "annotation:payment_list"
# Of the acts those last that end what others need.
LAST: Final = (
    "generation:question_delete",
    "annotation:campaign_close",
    "analyses:delete",
    "generation:project_leave",
    "logout",
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One project with everything in it, and a person of every role."""

    campaign: Campaign
    project: Project
    people: dict[str, User]


@pytest.fixture
def scene() -> Scene:
    owner = factories.make_user("owner")
    campaign = campaigns.invite(small_campaign.make(owner), owner, invitations=1)
    project = Project.objects.get(personal_of=owner)
    people = {"owner": owner, "admin": factories.make_user("admin", superuser=True)}
    for role in (ProjectRole.MANAGER, ProjectRole.VIEWER):
        people[role.value] = factories.make_user(role.value)
        projects.add_member(project, username=role.value, role=role, actor=owner)
    people["stranger"] = factories.make_user("stranger")
    hook = webhooks.add(project, url="https://example.org/", events=[WebhookEvent.CLOSED], actor=owner)
    webhooks.try_out(hook)
    _leave_files(owner)
    factories.make_answered_question(owner, project)
    api_tokens.issue(owner, name="nightly", scopes=list(TokenScope), days=1)
    return Scene(campaign=campaign, project=project, people=people)


# What a route takes as a name; ratings.csv elsewhere.
_FILES: Final = {"annotation:preview_picture": "map", "evaluation:maps_file": "maps.csv"}


def test_every_route_has_a_row() -> None:
    """Control: add a route to a urls.py alone."""
    routes = {name for name, _ in _routes() if not name.startswith("admin:")}
    rows = [name for methods in (table.GET, table.POST) for names in methods.values() for name in names]
    assert routes == set(rows)
    for methods in (table.GET, table.POST):
        names = [name for row in methods.values() for name in row]
        assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_exactly_what_the_table_says(scene: Scene, role: str) -> None:
    """Control: Campaign.objects.all() for visible_to in scope.py; no may_edit in one_of; a view without
    login_required; `to_read` for `one_of` in a view that writes.
    """
    acts_before = AuditEntry.objects.count()
    session = _session_of(scene, role)
    wrong = []
    for method, row, route in _asked():
        if row in (table.OPEN, table.TOKEN) and role not in ("owner", "visitor"):
            continue  # nobody's role matters there
        client = Client()
        client.cookies.update(session)
        ask: Callable[..., Any] = getattr(client, method)
        response = ask(_address(route, scene), _fields(route, scene))
        content = _content(response)
        if not _as_expected(response, row=row, role=role):
            wrong.append((method, route, row, response.status_code))
        for identity in PLATFORM_IDS.values():
            if route == NAMES_PLATFORM_IDS:
                if (identity.encode() in content) != (role in ("owner", "manager", "admin")):
                    wrong.append((method, route, "the list of payments", response.status_code))
            elif identity.encode() in content or identity in str(response.headers):
                wrong.append((method, route, "a platform id leaks", response.status_code))
    assert wrong == []
    if role in ("viewer", "stranger", "visitor"):
        assert AuditEntry.objects.count() == acts_before


def test_the_admin_site_is_open_to_administrators_alone(scene: Scene) -> None:
    """Control: is_staff for every researcher."""
    lists = [name for name, _ in _routes() if name == "admin:index" or name.endswith("_changelist")]
    assert len(lists) > 5
    for role in ROLES:
        client = Client()
        if role != "visitor":
            client.force_login(scene.people[role])
        for name in lists:
            response = client.get(reverse(name))
            assert (role, name, response.status_code) == (role, name, 200 if role == "admin" else 302)


def test_the_lists_of_a_stranger_name_nothing_of_others(scene: Scene) -> None:
    """Control: Campaign.objects.all() in a list."""
    client = Client()
    client.force_login(scene.people["stranger"])
    names = (
        scene.project.name, scene.campaign.name, scene.campaign.run.name, scene.campaign.run.prompt_set.name
    )  # fmt: skip
    for route in table.GET[table.SIGNED_IN]:
        html = _content(client.get(_address(route, scene))).decode()
        assert [name for name in names if name in html] == []


def _session_of(scene: Scene, role: str) -> SimpleCookie:
    """The cookie of her session, signed in once: only the last of all routes ends it."""
    client = Client()
    if role != "visitor":
        client.force_login(scene.people[role])
    return client.cookies


@cache
def _routes() -> tuple[tuple[str, URLPattern], ...]:
    def walk(resolver: URLResolver, spaces: tuple[str, ...]) -> Iterator[tuple[str, URLPattern]]:
        for entry in resolver.url_patterns:
            if isinstance(entry, URLPattern):
                yield ":".join((*spaces, entry.name or "admin_login")), entry
            else:
                yield from walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces)

    return tuple(walk(get_resolver(), ()))


def _asked() -> list[tuple[str, str, str]]:
    """Every row as (method, row, route): what reads before what writes, and what ends things last."""
    rows = [
        (method, row, route)
        for method, rules in (("get", table.GET), ("post", table.POST))
        for row, routes in rules.items()
        for route in routes
    ]
    return sorted(
        rows, key=lambda asked: (asked[0] == "post", LAST.index(asked[2]) if asked[2] in LAST else -1)
    )


def _as_expected(response: Any, *, row: str, role: str) -> bool:
    status: int = response.status_code
    to_login: bool = status == 302 and response.headers["Location"].startswith(reverse("login"))
    if row == table.OPEN:
        return bool(status not in REFUSED and not to_login)
    if row == table.HALF:
        return to_login
    if row == table.TOKEN:
        return bool(400 <= status < 500)
    if role == "visitor":
        return to_login
    allowed = {
        table.SIGNED_IN: ROLES,
        table.READ: ("owner", "manager", "viewer", "admin"),
        table.ABSENT: (),
        table.MEMBER: ("owner", "manager", "viewer"),
        table.EDIT: ("owner", "manager", "admin"),
        table.OWN: ("owner", "admin"),
        table.PRIVATE: ("owner",),
    }[row]
    if role in allowed:
        return bool(status not in REFUSED and status < 500 and not to_login)
    knows_of_it = role in ("viewer", "manager") and row in (table.EDIT, table.OWN)
    expected = 403 if knows_of_it else 404
    return bool(status == expected)


def _address(route: str, scene: Scene) -> str:
    if route == "admin_login":
        return "/admin/login/"
    pattern = dict(_routes())[route]
    given = {name: _argument(name, route, scene) for name in pattern.pattern.converters}
    if ":" in route and route.split(":")[0] in ("evaluation", "studies"):
        given["public_id"] = scene.campaign.public_id
    if route.startswith("webhooks"):
        given["pk"] = scene.project.pk
    query = f"?run={scene.campaign.run_id}" if route == "annotation:campaign_effort" else ""
    if route in ("analyses:report", "analyses:file"):
        query = "?col_item=item&col_rater=rater&col_score=score&low=1&high=5"
        query += "&empty=fault&duplicates=leave-out"
    return reverse(route, kwargs=given) + query


def _argument(name: str, route: str, scene: Scene) -> Any:
    campaign = scene.campaign
    image, word_map = Image.objects.order_by("pk")[0], WordMap.objects.order_by("pk")[0]
    if route == "token_revoke":
        return ApiToken.objects.get(user=scene.people["owner"]).pk
    if name == "pk":
        of_project = any(part in route for part in ("project", "member", "webhook"))
        of_prompts = "prompt" in route
        if route.startswith("generation:question"):
            return MapRequest.objects.get(kind="inform").pk
        return (
            scene.project.pk if of_project else campaign.run.prompt_set_id if of_prompts else campaign.run_id
        )
    return {
        "public_id": campaign.public_id,
        "member": Membership.objects.get(project=scene.project, role=ProjectRole.VIEWER).pk,
        "prompt_pk": image.prompt_id,
        "image_pk": image.pk,
        "map_pk": word_map.pk,
        "act": "test" if route.startswith("webhooks") else "retry",
        "axis": "steps",
        "place": 0,
        "position": 1,
        "kind": "cmi",
        "table": "words",
        "digest": DIGEST if route.startswith("generation") else _upload_digest(scene),
        "pseudonym": campaign.raters.order_by("pk")[0].pseudonym,
        "item_id": campaign.items.filter(kind="rating").order_by("pk")[0].pk,
        "answer_id": 1,
        "name": _FILES.get(route, "ratings.csv"),
        "token": "forged",
        "slot": campaign.public_id,
        "number": 1,
        "item": 1,
        "row": 2,
        "webhook": Webhook.objects.get().pk,
        "hook": Webhook.objects.get().pk,
        "delivery": WebhookDelivery.objects.order_by("pk")[0].pk,
    }[name]


def _fields(route: str, scene: Scene) -> dict[str, Any]:
    if route == "second_step_act":
        return {"act": "begin"}
    if route == "generation:member_change":
        return {"role": "viewer"}
    if route == "generation:use_example":
        # A file that is refused: no parser need start for this test.
        return {}
    return {}


def _content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else bytes(response.content)


def _leave_files(owner: User) -> None:
    """A prompt file whose words could not be found, and a file of ratings, both the owner's alone."""
    folder = Path(settings.MEDIA_ROOT) / "imports" / str(owner.pk) / DIGEST
    folder.mkdir(parents=True)
    (folder / "content").write_text("prompt\na red ball\n")
    (folder / "name.txt").write_text("prompts.csv")
    (folder / "failure.txt").write_text("No parser here.")
    uploads.keep(owner.pk, name="ratings.csv", content=b"item,rater,score\na,r,3\nb,r,4\n")


def _upload_digest(scene: Scene) -> str:
    return next(iter(uploads.of_owner(scene.people["owner"].pk))).digest
