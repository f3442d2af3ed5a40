"""The API: a study without a browser, refusals that say what to send instead, tokens, and no 5xx."""

import json
from datetime import timedelta
from functools import cache
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from annotation.choices import ItemKind, TaskKind
from annotation.models import Campaign
from config.api import api
from generation.choices import ProjectRole, TokenScope
from generation.models import ApiToken, MapRequest, Project, Run
from generation.services import api_tokens, projects
from generation.services.images import ModelPin, claim_images
from generation.services.projects import personal_project
from tests import factories
from tests.program import ROOT, Program, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program(owner: User) -> Program:
    return Program(owner)


def test_a_study_goes_from_a_run_to_its_files(program: Program, owner: User) -> None:
    run = factories.make_finished_run(owner)
    assert program.get(f"/runs/{run.pk}").json()["finished"] is True
    made = program.post(
        "/campaigns", {"run": run.pk, "contact": "Us", "checks_per_rater": 0, "raters_per_item": 1}
    )
    assert made.status_code == 201, made.json()
    path = f"/campaigns/{made.json()['id']}"
    assert (made.json()["state"], made.json()["obstacles"]) == ("draft", [])
    assert program.post(f"{path}/open").json()["state"] == "open"
    assert program.post(f"{path}/extend", {"raters_per_item": 2}).json()["raters_per_item"] == 2
    assert program.post(f"{path}/pause").json()["state"] == "paused"
    assert errors(program.post(f"{path}/pause"), status=409)
    program.post(f"{path}/resume")
    campaign = Campaign.objects.get()
    factories.rate_all(factories.make_rater(campaign))
    factories.make_rater(campaign)
    progress = program.get(f"{path}/progress").json()
    parts = [progress[part] for part in ("answered", "live", "expired", "kept", "free")]
    assert min(progress["answered"], progress["kept"]) > 0
    assert progress["places"] == sum(parts)
    results = program.get(f"{path}/results").json()
    assert results["overall"]["mos"]["estimate"] == 4
    names = program.get(f"{path}/exports").json()
    file = program.get(f"{path}/exports/ratings.csv")
    assert b"".join(file.streaming_content).count(b"\n") == results["answers"] + 1
    assert {"ratings.csv", "codebook.csv"} <= set(names)
    assert program.get(f"{path}/exports/other.csv").status_code == 404
    assert program.post(f"{path}/close").json()["state"] == "closed"
    again = program.get(f"{path}/specification").json()
    assert program.post("/campaigns", again).status_code == 201


def test_a_rater_is_withdrawn(program: Program, owner: User) -> None:
    campaign = factories.make_open_campaign(owner, raters_per_item=1)
    rater = factories.make_rater(campaign)
    given = factories.rate_all(rater)
    path = f"/campaigns/{campaign.public_id}/raters/{rater.pseudonym}/withdraw"
    assert program.post(path).json() == {"answers": given, "masks": 0, "places": given}
    assert errors(program.post(path), status=404)


def test_a_run_is_started_and_cancelled(program: Program, owner: User) -> None:
    prompt_set = factories.make_prompt_set(owner=owner)
    made = program.post("/runs", {"prompt_set": prompt_set.pk, "images_per_prompt": 2})
    assert (made.status_code, made.json()["images"]) == (201, 4)
    assert program.post(f"/runs/{made.json()['id']}/cancel").json()["state"] == "cancelled"
    refusal = program.post("/runs", {"prompt_set": prompt_set.pk, "steps": 0, "model": "none"})
    assert {"steps", "model"} <= set(errors(refusal, status=400))
    assert "steps" in errors(program.post("/runs", {"prompt_set": prompt_set.pk, "steps": "5"}), status=400)
    assert "colour" in errors(program.post("/runs", {"prompt_set": prompt_set.pk, "colour": 1}), status=400)


def test_a_bad_prompt_file_is_refused_with_every_bad_line(program: Program) -> None:
    file = SimpleUploadedFile("prompts.csv", b"prompt,seed\na cat,-1\n,2\n")
    refusal = program.client.post(f"{ROOT}/prompt-sets", {"file": file}, headers=program.headers)
    assert len(errors(refusal, status=400)) >= 1
    assert "file" in errors(
        program.client.post(f"{ROOT}/prompt-sets", {}, headers=program.headers), status=400
    )
    strange = {"file": SimpleUploadedFile("prompts.csv", b"prompt\na cat\n"), "colour": "red"}
    answer = program.client.post(f"{ROOT}/prompt-sets", strange, headers=program.headers)
    assert "colour" in errors(answer, status=400)


def test_a_campaign_is_refused_in_the_words_of_the_page(program: Program, owner: User) -> None:
    """Control: judge the values in the API."""
    run = factories.make_finished_run(owner)
    said = errors(
        program.post("/campaigns", {"run": run.pk, "contact": "Us", "raters_per_item": 0}), status=400
    )
    assert "raters_per_item" in said
    assert "run" in errors(program.post("/campaigns", {"contact": "Us"}), status=400)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b'{"run": 1, "run": 2}', b'{"run": NaN}', b'{"a":' * 5000, b'{"run": 1e999}', b"\xff\xfe",
     b'{"contact": "a\\u0000b"}', b'{"contact": "\\ud800"}', b'{"run": ' + b"9" * 5000 + b"}", b"null", b""],
)  # fmt: skip
def test_what_is_no_json_is_refused(program: Program, body: bytes) -> None:
    """Control: json.loads as it is."""
    assert errors(program.post("/campaigns", body), status=400)


def test_a_token_is_kept_as_a_hash_and_shown_once(client: Client, owner: User) -> None:
    """Control: store the secret."""
    client.force_login(owner)
    page = client.post(reverse("account"), {"name": "nightly", "scopes": ["read"], "days": 30})
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert secret not in client.get(reverse("account")).content.decode()
    token = ApiToken.objects.get()
    assert secret not in "".join(str(value) for value in vars(token).values())
    assert token.last_used_at is None
    client.get(f"{ROOT}/runs", headers={"Authorization": f"Bearer {secret}"})
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_token_that_is_wrong_expired_revoked_or_in_the_address_opens_nothing(
    program: Program, owner: User
) -> None:
    """Control: leave one condition out of `find`; read the token from the query."""
    assert program.get("/runs").status_code == 200
    assert errors(program.get("/runs", token=program.secret), status=401)
    assert errors(program.get("/runs", anything=program.secret), status=401)
    assert errors(Client().get(f"{ROOT}/runs", {"token": program.secret}), status=401)
    for wrong in ("", "Bearer", "Bearer percept_x", "Basic abc", f"Bearer {program.secret}x"):
        assert errors(Client().get(f"{ROOT}/runs", headers={"Authorization": wrong}), status=401)
    ApiToken.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert errors(program.get("/runs"), status=401)
    other = Program(owner)
    api_tokens.revoke(owner, pk=other.token.pk)
    assert errors(other.get("/runs"), status=401)
    third = Program(owner)
    User.objects.update(is_active=False)
    assert errors(third.get("/runs"), status=401)


def test_a_session_opens_nothing(client: Client, owner: User) -> None:
    """A page of somebody else's can't make the browser act. Control: auth by session."""
    client.force_login(owner)
    assert errors(client.get(f"{ROOT}/runs"), status=401)


def test_requests_of_a_token_have_a_limit(program: Program, settings: Settings) -> None:
    settings.ATTEMPTS_PER_MINUTE = settings.ATTEMPTS_PER_MINUTE | {"api": 2}
    assert [program.get("/runs").status_code for _ in range(3)] == [200, 200, 429]
    assert int(program.get("/runs").headers["Retry-After"]) >= 1


BODIES: Final[dict[str, dict[str, Any]]] = {
    "/campaigns/{public_id}/extend": {"raters_per_item": 9},
    "/campaigns/{public_id}/budget": {"budget": "5.00"},
    "/campaigns/{public_id}/back-fill/automatic": {"automatic": True},
    "/campaigns/{public_id}/returned": {"participants": ["nobody"]},
    "/projects/{number}/members": {"username": "nobody", "role": "viewer"},
    "/projects/{number}/members/{member}": {"role": "viewer"},
    "/projects/{number}/webhooks": {"url": "https://example.org/", "events": ["campaign.closed"]},
    "/projects": {"name": ""},
    "/projects/{number}/rename": {"name": "Another"},
    "/prompt-sets/{number}/move": {"project": 1},
    "/prompt-sets/{number}/prompts/{row}": {"words": []},
    "/campaigns/try": {"run": 0},
    "/campaigns/{public_id}/specification": {"name": "Another"},
    "/campaigns/{public_id}/clone": {"name": "Another"},
    "/campaigns/{public_id}/invitations": {"invitations": 2},
    "/campaigns/{public_id}/approvals": {"raters": ["nobody"]},
    "/campaigns/{public_id}/raters/find": {"name": "nobody"},
    "/campaigns/{public_id}/raters/{pseudonym}/exclude": {"reason": "guessed"},
    "/campaigns/{public_id}/raters/{pseudonym}/approve": {"reason": ""},
    "/campaigns/{public_id}/raters/{pseudonym}/reject": {"ground": "", "reason": ""},
    "/campaigns/{public_id}/raters/{pseudonym}/take-back": {"reason": ""},
    "/campaigns/{public_id}/raters/{pseudonym}/reject-and-republish": {"ground": "", "reason": ""},
    "/campaigns/{public_id}/adjudication/{item}": {"option": "4"},
}


@cache
def document() -> dict[str, Any]:
    """The API's description; made once, since that takes a third of a second."""
    found: dict[str, Any] = api.get_openapi_schema()
    return found


@cache
def operations() -> list[tuple[str, str, TokenScope]]:
    """Every operation as (method, path, scope)."""
    found = []
    for path, methods in document()["paths"].items():
        for method in methods:
            of_results = ("results", "exports", "maps", ".npy", "/raters", "adjudication")
            is_result = any(part in path for part in of_results)
            reads = TokenScope.RESULTS if is_result else TokenScope.READ
            writes = TokenScope.CAMPAIGNS if "campaigns" in path else TokenScope.GENERATE
            if "webhook" in path or "invitations" in path:
                reads = writes = TokenScope.CAMPAIGNS
            elif "projects" in path:
                writes = TokenScope.MEMBERS
            elif "approv" in path or "reject" in path or "take-back" in path:
                writes = TokenScope.PAY
            elif "adjudication" in path or path.endswith(("/find", "/exclude", "/include", "/refill")):
                writes = TokenScope.REVIEW
            found.append((method, path.removeprefix(ROOT), writes if method == "post" else reads))
    return found


def send(program: Program, method: str, path: str, *, run: Run, campaign: Campaign | None) -> Any:
    number = run.prompt_set_id if "prompt-sets" in path else run.pk
    if "questions" in path:
        number = MapRequest.objects.values_list("pk", flat=True).first() or 0
    if "projects" in path:
        number = run.prompt_set.project_id
    given = {"number": number, "member": 1, "webhook": 1, "delivery": 1, "act": "pause", "row": 2}
    given |= {"position": 1, "kind": "cmi"}
    given["item"] = (
        campaign.items.filter(kind=ItemKind.RATING).values_list("pk", flat=True)[0] if campaign else 0
    )
    made = path.format(
        public_id=campaign.public_id if campaign else "", name="ratings.csv",
        pseudonym=campaign.raters.get().pseudonym if campaign else "", **given,
    )  # fmt: skip
    body: dict[str, Any] = BODIES.get(path) or {"prompt_set": run.prompt_set_id}
    if made == "/prompt-sets" and method == "post":
        file = SimpleUploadedFile("p.csv", b"prompt\n")
        return program.client.post(ROOT + made, {"file": file}, headers=program.headers)
    if made.endswith("/pictures"):
        content = {"pictures": SimpleUploadedFile("2.png", b"none"), "name": "Another"}
        return program.client.post(ROOT + made, content, headers=program.headers)
    if made == "/questions" and method == "post":
        content = {"picture": SimpleUploadedFile("p.png", b"none"), "caption": "a cat"}
        return program.client.post(ROOT + made, content, headers=program.headers)
    return program.post(made, body) if method == "post" else program.get(made)


def test_every_operation_asks_for_its_scope_and_for_the_projects_role(owner: User) -> None:
    """Control: leave `needs` out of one of them; visible_to for editable_by."""
    campaign = factories.make_open_campaign(owner)
    factories.make_rater(campaign)
    project = Project.objects.get(personal_of=owner)
    factories.make_answered_question(owner, project)
    viewer, stranger = factories.make_user("viewer"), factories.make_user("stranger")
    projects.add_member(project, username="viewer", role=ProjectRole.VIEWER, actor=owner)

    def ask(who: Program, method: str, path: str) -> int:
        status: int = send(who, method, path, run=campaign.run, campaign=campaign).status_code
        return status

    people = {"viewer": Program(viewer), "stranger": Program(stranger)}
    for method, path, scope in operations():
        said = document()["paths"][ROOT + path][method]["x-scopes"]
        assert (path, said[0]) == (path, scope)
        others = [other for other in TokenScope if other != scope]
        assert (path, ask(Program(owner, *others), method, path)) == (path, 403)
        if path.endswith("/leave"):
            continue  # every member may, as test_projects_are_founded_renamed_and_left says
        of_rows = "{" in path
        seen = {name: ask(who, method, path) for name, who in people.items()}
        if method == "post":
            assert (path, seen) == (path, {"viewer": 403, "stranger": 404} if of_rows else seen)
            assert all(status >= 400 for status in seen.values())
        else:
            # A webhook's secret and personal links are for those who may change the project.
            reads = 403 if "webhook" in path or "invitations" in path else 200
            assert (path, seen) == (path, {"viewer": reads, "stranger": 404 if of_rows else 200})
            if not of_rows:
                told = people["stranger"].get(path).json()
                assert (told["own"], told["failed"]) == (0, 0) if path == "/queue" else told == []


def test_members_and_webhooks_are_decided_about_as_on_their_pages(program: Program, owner: User) -> None:
    """Control: `to_edit` for the owners' question in api_members; leave the last owner unasked for."""
    manager = factories.make_user("manager")
    path = f"/projects/{personal_project(owner).pk}"
    made = program.post(f"{path}/members", {"username": "manager", "role": "manager"})
    assert (made.status_code, made.json()["role"]) == (201, "manager")
    assert "username" in errors(
        program.post(f"{path}/members", {"username": "manager", "role": "viewer"}), status=409
    )
    assert "role" in errors(program.post(f"{path}/members", {"username": "x", "role": "king"}), status=400)
    hers = Program(manager)
    assert errors(hers.post(f"{path}/members", {"username": "owner", "role": "viewer"}), status=403)
    own = next(row["id"] for row in hers.get(f"{path}/members").json() if row["username"] == "owner")
    assert errors(program.post(f"{path}/members/{own}/remove"), status=409)
    hook = hers.post(
        f"{path}/webhooks", {"url": "https://example.org/x", "events": ["campaign.closed"]}
    ).json()
    assert hook["secret"].startswith("whsec_")
    assert "url" in errors(
        hers.post(f"{path}/webhooks", {"url": "http://127.0.0.1/", "events": ["campaign.closed"]}), status=400
    )
    assert "events" in errors(
        hers.post(f"{path}/webhooks", {"url": "https://example.org/", "events": ["x"]}), status=400
    )
    hers.post(f"{path}/webhooks/{hook['id']}/test")
    sent = hers.get(f"{path}/webhook-deliveries").json()
    assert [(row["event"], row["state"]) for row in sent] == [("test", "waiting")]
    assert errors(hers.post(f"{path}/webhook-deliveries/{sent[0]['id']}/again"), status=409)
    assert hers.post(f"{path}/webhooks/{hook['id']}/off").json()[0]["is_on"] is False
    assert hers.post(f"{path}/webhooks/{hook['id']}/remove").json() == []
    assert program.post(f"{path}/members/{made.json()['id']}", {"role": "viewer"}).status_code == 200
    assert errors(hers.get(f"{path}/webhooks"), status=403)


VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PARTS: Final = st.sampled_from(
    ["0", "-1", "1", "9" * 30, "1_000", "１", "a", "..", "%00", "open", "ratings.csv"]
) | st.uuids().map(str)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_that_is_sent_gives_a_5xx(program: Program, owner: User, data: st.DataObject) -> None:
    """Every operation of the document, with its fields and others. Control: catch no SpecificationRefused."""
    method, path, _ = data.draw(st.sampled_from(operations()))
    run = Run.objects.filter(owner=owner).first() or factories.make_finished_run(owner)
    campaign = Campaign.objects.filter(owner=owner).first() or factories.make_draft(owner, run=run)
    known = {"number": str(run.pk), "public_id": str(campaign.public_id), "act": "pause", "name": "items.csv"}
    known |= dict.fromkeys(
        ("member", "webhook", "delivery", "pseudonym", "item", "row", "position", "kind"), "1"
    )
    parts = {name: data.draw(st.just(value) | PARTS) for name, value in known.items()}
    content = document()["paths"][ROOT + path][method].get("requestBody", {}).get("content", {})
    fields = _fields(content.get("application/json", {}).get("schema", {}), document())
    body = data.draw(
        st.dictionaries(st.sampled_from(fields) | st.text(max_size=8), VALUES, max_size=6)
        if fields
        else VALUES
    )
    if isinstance(body, dict) and "run" in fields and data.draw(st.booleans()):
        body |= {"run": run.pk}
    query = data.draw(st.dictionaries(st.sampled_from(["limit", "offset", "x"]), st.text(max_size=5)))
    address = path.format(**parts)
    if method == "post":
        response = program.post(address, json.dumps(body).encode())
    else:
        response = program.get(address, **query)
    assert response.status_code < 500, (method, address, body, response.content[:300])


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


@pytest.mark.parametrize(
    ("kind", "own", "table"),
    [
        (TaskKind.OBJECT_PRESENCE, {"vocabulary": list(factories.VOCABULARY)}, "images.csv"),
        (TaskKind.PAIRWISE, {"pair_of": "images"}, "items.csv"),
        (TaskKind.MASK, {"truth": "majority", "tau": 0.4}, "items.csv"),
    ],
)
def test_results_of_each_kind_are_its_own(
    program: Program, owner: User, kind: TaskKind, own: dict[str, object], table: str
) -> None:
    """Control: read opinion scores of every campaign: 0 answers, no table."""
    campaign = factories.make_campaign_of_kind(kind, owner=owner, raters_per_item=2)
    given = sum(factories.rate_all(factories.make_rater(campaign)) for _ in range(2))
    results = program.get(f"/campaigns/{campaign.public_id}/results").json()
    assert (results["task_kind"], results["answers"]) == (kind, given)
    assert own.items() <= results.items()
    items = next(found for found in results["tables"] if found["file"] == table)
    assert len(items["lines"]) == items["lines_total"] == campaign.items.filter(kind=ItemKind.RATING).count()
    assert {column["name"] for column in items["columns"]} == set(items["lines"][0])


def test_the_queue_is_told_with_the_names_of_ones_own_runs(program: Program, owner: User) -> None:
    """Control: leave `runs` out of `read_queue`."""
    run = factories.make_run(owner)
    models = [ModelPin(model_id=run.model_id, revision=run.model_revision)]
    claim_images("box:7", models=models, batch_size=1, lease_seconds=60)
    found = program.get("/queue").json()
    assert (found["waiting"], found["own"], found["in_work"], found["failed"]) == (1, 1, 1, 0)
    (worker,) = found["workers"]
    assert (worker["name"], worker["images"], worker["runs"]) == ("box:7", 1, [run.name])
