"""Settings, from the environment only (a .env file beside manage.py counts as environment)."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from config import broker, databases, env, logs, secret

BASE_DIR: Final = Path(__file__).resolve().parent.parent
env.read_file(BASE_DIR / ".env")

DEBUG = env.flag("DEBUG", default=False)
PERCEPT_VAR = env.folder("PERCEPT_VAR", default=BASE_DIR / "var")
SECRET_KEY = secret.key(var=PERCEPT_VAR, debug=DEBUG)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", default=())

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "generation",
    "annotation",
    "evaluation",
    "studies",
    "config.apps.PerceptAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.security.ContentSecurityPolicyMiddleware",
    "config.security.BodyLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.signed_out.SignedOutMiddleware",
    "config.signed_out.FormsOnlyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.full_disk.FullDiskMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
CSRF_FAILURE_VIEW = "config.signed_out.csrf_failure"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_REDIRECT_URL = "/"

DATABASES: dict[str, dict[str, Any]] = {"default": databases.default(PERCEPT_VAR)}

LANGUAGE_CODE = "en"
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = None if DEBUG else BASE_DIR / "static_collected"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = env.folder("MEDIA_ROOT", default=PERCEPT_VAR / "media")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # Hashed names need `collectstatic`; while developing, files are served from where they lie.
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
# Forms are a few kilobytes; uploads have a limit of their own where they are read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# Pictures of another system come many at a time.
DATA_UPLOAD_MAX_NUMBER_FILES = 500

BEHIND_HTTPS = env.flag("BEHIND_HTTPS", default=False)
SECURE_CONTENT_TYPE_NOSNIFF = True
# Nothing leaves for other sites. With "no-referrer" browsers would send "Origin: null" with every form, which
# the CSRF check refuses; raters' pages, exempt from it, set it themselves.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_HTTPS
# The container's health check asks over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health/$"]
if BEHIND_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if BEHIND_HTTPS and not DEBUG:
    SECURE_HSTS_SECONDS = 365 * 24 * 3600

# Proxies before this server, each of which adds the address it heard from to X-Forwarded-For.
PROXIES = env.integer("PROXIES", default=1 if BEHIND_HTTPS else 0, minimum=0, maximum=10)
# Per minute: entries by rater's identity or, by the plain link, by address; the others by address.
ATTEMPTS_PER_MINUTE = {
    "entry": env.integer("ENTRIES_PER_MINUTE", default=20, minimum=1, maximum=100_000),
    "token": env.integer("BAD_TOKENS_PER_MINUTE", default=5, minimum=1, maximum=100_000),
    "api": env.integer("API_REQUESTS_PER_MINUTE", default=240, minimum=1, maximum=100_000),
    "login": env.integer("LOGINS_PER_MINUTE", default=10, minimum=1, maximum=100_000),
}
# Admin pages then ask for the second step of signing in; researchers choose it for themselves.
SECOND_FACTOR_FOR_ADMINS = env.flag("SECOND_FACTOR_FOR_ADMINS", default=False)
OTP_TOTP_ISSUER = "Percept"
# Places, approvals and bonuses on Prolific; without a token its own pages do all of that.
PROLIFIC_TOKEN = env.text("PROLIFIC_TOKEN", default="")
PROLIFIC_API = env.text("PROLIFIC_API", default="https://api.prolific.com/api/v1")
# Webhooks may then go to plain http:// and into private networks: for a lab whose receiver is next door.
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.flag("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=False)
ATTEMPTS_KEPT_FOR = timedelta(minutes=2)

LOGGING = logs.configuration(level=env.text("LOG_LEVEL", default="INFO"))

_broker = broker.broker(DATABASES["default"])
CELERY_BROKER_URL = _broker.url
CELERY_BROKER_TRANSPORT_OPTIONS = _broker.transport_options
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A message is a doorbell: it says that there is work, the job row says what became of it. So nothing is
# redelivered, retried or reported through the broker.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "percept"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE

# Workers. A lease is how long a killed worker's images wait; heartbeats extend it while a worker lives.
GENERATION_LEASE_SECONDS = env.integer("GENERATION_LEASE_SECONDS", default=60, minimum=1, maximum=3600)
GENERATION_POLL_SECONDS = env.integer("GENERATION_POLL_SECONDS", default=3, minimum=1, maximum=600)
GENERATION_BATCH_SIZE = env.integer("GENERATION_BATCH_SIZE", default=4, minimum=1, maximum=256)
GENERATION_HARD_LIMIT_SECONDS = env.integer(
    "GENERATION_HARD_LIMIT_SECONDS", default=1800, minimum=10, maximum=86_400
)
# 0: one thread for small images, every core for large ones (generation/threads.py).
GENERATION_THREADS = env.integer("GENERATION_THREADS", default=0, minimum=0, maximum=1024)
GENERATION_DEVICE = env.text("GENERATION_DEVICE", default="auto")
# auto decides by the device (generation/tuning.py).
GENERATION_CHANNELS_LAST = env.choice(
    "GENERATION_CHANNELS_LAST", default="auto", choices=("auto", "on", "off")
)
GENERATION_COMPILE = env.choice("GENERATION_COMPILE", default="auto", choices=("auto", "on", "off"))
