"""A researcher's own page: tokens for programs, the second step of signing in, the password."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.choices import AttemptKind
from annotation.services.attempts import TooManyAttempts, count_attempt
from config import second_factor
from generation.choices import TokenScope
from generation.models import ApiToken
from generation.services import api_tokens
from generation.views.scope import user_of

MOST_DAYS: Final = 366
WRONG_CODE: Final = "This code is not right, or was used already. Wait for the next one."


class TokenForm(forms.Form):
    """What a token is for, what it opens, and how long."""

    name = forms.CharField(max_length=120, label="What it is for")
    scopes = forms.MultipleChoiceField(
        choices=TokenScope.choices,
        widget=forms.CheckboxSelectMultiple,
        label="What it opens",
        help_text="Never more than you may do yourself. Give as little as the program needs.",
    )
    days = forms.IntegerField(
        min_value=1, max_value=MOST_DAYS, initial=90, label="Days until it expires", help_text="At most 366."
    )


class PasswordForm(PasswordChangeForm):
    """The old password and, twice, the new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The form is in the middle of a page; nobody comes for it alone.
        self.fields["old_password"].widget.attrs.pop("autofocus", None)
        self.fields["new_password1"].help_text = "Eight characters or more, no common one, not your name."


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """The tokens; POST makes one and shows it, this once."""
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        scopes = [TokenScope(value) for value in form.cleaned_data["scopes"]]
        _, secret = api_tokens.issue(
            user_of(request), name=form.cleaned_data["name"], scopes=scopes, days=form.cleaned_data["days"]
        )
        form = TokenForm()
    return _page(request, form=form, secret=secret, status=400 if form.errors else 200)


@login_required
@never_cache
@require_POST
def second_step_act(request: HttpRequest) -> HttpResponse:
    """act: begin sets up an app, confirm switches the step on, codes renews recovery codes, off ends it."""
    user, act = user_of(request), request.POST.get("act", "")
    code = request.POST.get("code", "")[:40]
    if act == "begin" and second_factor.is_on(user):
        messages.error(request, "Switch it off first, with a code of the app in use.")
        return redirect("account")
    if act == "begin":
        second_factor.begin(user)
        return redirect("account")
    if act in ("confirm", "codes"):
        make = second_factor.confirm if act == "confirm" else second_factor.renew_codes
        if codes := make(user, code=code):
            return _page(request, form=TokenForm(), codes=codes)
    elif act == "off":
        if second_factor.switch_off(user, code=code):
            messages.success(request, "The second step is off.")
            return redirect("account")
    else:
        raise Http404
    messages.error(request, WRONG_CODE)
    return _page(request, form=TokenForm(), status=400)


@login_required
@never_cache
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Another password, given the old one; every other session of this account ends."""
    try:
        # As at sign-in: an open session is no place to guess the password without end either.
        count_attempt(AttemptKind.LOGIN, who=f"password of {user_of(request).pk}")
    except TooManyAttempts as refused:
        response = render(request, "429.html", {"seconds": refused.seconds}, status=429)
        response["Retry-After"] = str(refused.seconds)
        return response
    form = PasswordForm(user_of(request), request.POST)
    if not form.is_valid():
        return _page(request, form=TokenForm(), password_form=form, status=400)
    update_session_auth_hash(request, form.save())
    messages.success(request, "The password is changed. Other browsers have to sign in again.")
    return redirect("account")


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """The token opens nothing any more."""
    if not api_tokens.of(user_of(request)).filter(pk=pk).exists():
        raise Http404
    if api_tokens.revoke(user_of(request), pk=pk):
        messages.success(request, "The token is revoked.")
    return redirect("account")


def _state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= timezone.now() else ""


def _page(
    request: HttpRequest,
    *,
    form: TokenForm,
    secret: str = "",
    codes: Sequence[str] = (),
    password_form: PasswordForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user = user_of(request)
    context = {
        "section": "account",
        "form": form,
        "secret": secret,
        "codes": codes,
        "second_step": second_factor.is_on(user),
        "setup": second_factor.begun(user),
        "codes_left": second_factor.codes_left(user),
        "password_form": password_form or PasswordForm(user),
        "tokens": [(token, _state(token)) for token in api_tokens.of(user)],
    }
    return render(request, "account/account.html", context, status=status)
