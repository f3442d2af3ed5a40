"""Signing in, with a limit on how often an address may try."""

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.addresses import address_of
from annotation.choices import AttemptKind
from annotation.services.attempts import TooManyAttempts, count_attempt


class LimitedLoginView(LoginView):
    """The form; every attempt from an address counts, and past the limit none is looked at."""

    def post(self, request: HttpRequest, *args: str, **kwargs: object) -> HttpResponse:
        """Signs in, or a page that says how long to wait."""
        try:
            count_attempt(AttemptKind.LOGIN, who=address_of(request))
        except TooManyAttempts as refused:
            response = render(request, "429.html", {"seconds": refused.seconds}, status=429)
            response["Retry-After"] = str(refused.seconds)
            return response
        return super().post(request, *args, **kwargs)
