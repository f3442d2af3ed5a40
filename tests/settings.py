"""The settings of a test run: the project's own, with nothing that reaches outside it."""

import os

# A worker of the developer's own must not be woken by tests.
os.environ["BROKER_URL"] = "memory://"
# Static files are served from where they lie; pytest-django turns the debug pages off.
os.environ["DEBUG"] = "1"
# Tests ask far more often than people do; the limits' own tests set them as they are shipped.
os.environ |= dict.fromkeys(
    ("ENTRIES_PER_MINUTE", "BAD_TOKENS_PER_MINUTE", "LOGINS_PER_MINUTE", "API_REQUESTS_PER_MINUTE"), "100000"
)

from config.settings import *  # noqa: F403

# Thousands of sign-ins need no slow hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each of thousands of test clients would else look at every static file before its first request.
WHITENOISE_AUTOREFRESH = True
