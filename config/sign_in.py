"""Signing in, with a limit on how often an address may try, and a second step for who has switched it on."""

import time
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_otp import login as login_by_device

from annotation.addresses import address_of
from annotation.choices import AttemptKind
from annotation.services.attempts import TooManyAttempts, count_attempt
from config import second_factor

HALF: Final = "percept.signed_in_half"
HALF_SECONDS: Final = 300
TOO_LONG_AGO: Final = "The code has to come within five minutes of the password. Please give both again."
NEEDS_SECOND_STEP: Final = "Admin pages ask for a second step at sign-in. Set it up here, then sign in again."


class LimitedLoginView(LoginView):
    """The form; every attempt from an address counts, and past the limit none is looked at."""

    def get(self, request: HttpRequest, *args: str, **kwargs: object) -> HttpResponse:
        """The form; an admin who lacks the step that admin pages ask for is told where to set it up."""
        user = request.user
        asked = user.is_authenticated and user.is_staff and settings.SECOND_FACTOR_FOR_ADMINS
        if asked and not second_factor.is_on(cast(User, user)):
            messages.warning(request, NEEDS_SECOND_STEP)
            return redirect("account")
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: str, **kwargs: object) -> HttpResponse:
        """Signs in, or goes on to the second step, or a page that says how long to wait."""
        if (refusal := _count(request, who=address_of(request))) is not None:
            return refusal
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Signed in at once, or half way where a second step is on."""
        user = form.get_user()
        if not second_factor.is_on(user):
            return super().form_valid(form)
        self.request.session[HALF] = {
            "user": user.pk,
            "backend": user.backend,
            "at": time.time(),
            "next": self.get_success_url(),
        }
        return redirect("second_step")


class CodeForm(forms.Form):
    """A code from the app, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        label="Code",
        help_text="Six digits from your app, or one of your recovery codes.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Asks who has just given a password for a code; everybody else for the password first."""
    half = request.session.get(HALF)
    if half is None:
        return redirect("login")
    if time.time() - half["at"] > HALF_SECONDS:
        messages.warning(request, TOO_LONG_AGO)
        return redirect_to_login(half["next"])
    user = User.objects.filter(pk=half["user"], is_active=True).first()
    if user is None:
        return redirect("login")
    form = CodeForm(request.POST or None)
    if request.method == "POST":
        if (refusal := _count(request, who=f"second step of {user.pk}")) is not None:
            return refusal
        if form.is_valid():
            device = second_factor.device_of(user, code=form.cleaned_data["code"])
            if device is not None:
                login(request, user, backend=half["backend"])
                request.session.pop(HALF, None)
                login_by_device(request, device)
                return HttpResponseRedirect(resolve_url(half["next"]))
            form.add_error("code", "This code is not right, or was used already. Wait for the next one.")
    return render(
        request, "registration/second_step.html", {"form": form}, status=400 if form.errors else 200
    )


def _count(request: HttpRequest, *, who: str) -> HttpResponse | None:
    """None, or the page that says how long to wait."""
    try:
        count_attempt(AttemptKind.LOGIN, who=who)
    except TooManyAttempts as refused:
        response = render(request, "429.html", {"seconds": refused.seconds}, status=429)
        response["Retry-After"] = str(refused.seconds)
        return response
    return None
