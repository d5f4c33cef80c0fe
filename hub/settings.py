"""All settings, in one file, from the environment. Development needs no variable at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from hub import env, localpg, logs, secrets_file
from hub.api import description

BASE_DIR = Path(__file__).resolve().parent.parent
HUB_DATA = Path(env.text("HUB_DATA", str(BASE_DIR / "var"))).resolve()
HUB_HOST = env.text("HUB_HOST", "127.0.0.1")
HUB_PORT = env.number("HUB_PORT", 8000)
HUB_SANDBOX_PORT = env.number("HUB_SANDBOX_PORT", 8091)
HUB_BASE_URL = env.text("HUB_BASE_URL", f"http://{HUB_HOST}:{HUB_PORT}").rstrip("/")

_own_keys = secrets_file.load_or_create(HUB_DATA / "keys.json") if not env.secret("SECRET_KEY") else {}
SECRET_KEY = env.secret("SECRET_KEY") or _own_keys["secret_key"]
# AES-256 keys, urlsafe base64, newest first: the first encrypts, all decrypt (manage.py rotate_keys).
CREDENTIAL_KEYS = [
    key
    for key in (env.secret("HUB_CREDENTIAL_KEYS") or _own_keys.get("credential_key", "")).split(",")
    if key.strip()
]
DEBUG = env.flag("HUB_DEBUG", default=False)
ALLOWED_HOSTS = env.words("HUB_ALLOWED_HOSTS", f"{HUB_HOST},localhost,127.0.0.1,testserver")
CSRF_TRUSTED_ORIGINS = [HUB_BASE_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # without a site of its own: hub.staff has it
    "unfold.contrib.filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "hub.apps.HubConfig",
    "hub.apps.AdminConfig",
    "catalog.apps.CatalogConfig",
    "marketplaces.apps.MarketplacesConfig",
    "orders.apps.OrdersConfig",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "hub.api.log.CallLog",  # inside compression: it keeps what answers say
    "hub.people_only.Policy",
    "hub.people_only.Session",
    "hub.people_only.Language",
    "django.middleware.common.CommonMiddleware",
    "hub.people_only.Csrf",
    "hub.people_only.Authentication",
    "hub.people_only.SecondFactor",
    "hub.people_only.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "hub.outage.DatabaseAway",
]

ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
# The API's paths have no trailing slash; a redirect would turn a POST into a GET.
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
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
    }
]


def database() -> dict[str, Any]:
    """Describe the database: `DATABASE_URL` when set, else the private PostgreSQL of this checkout."""
    url = env.secret("DATABASE_URL")
    if url:
        parts = urlsplit(url)
        if parts.scheme not in ("postgres", "postgresql"):
            raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// address.")
        options = dict(parse_qsl(parts.query))
        return {
            "HOST": options.pop("host", parts.hostname or ""),
            "PORT": str(parts.port or ""),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "NAME": unquote(parts.path.lstrip("/")),
            "OPTIONS": options,
        }
    return dict(localpg.ensure(localpg.default_root(HUB_DATA)))


_database = database()
DATABASES = {
    "default": {
        "ENGINE": "hub.postgresql",
        **_database,
        # hub.statements: what runs with every call is planned once per connection.
        "OPTIONS": {"prepare_threshold": 1, **_database.get("OPTIONS", {})},
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "hub.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("portal:login")
LOGIN_REDIRECT_URL = reverse_lazy("portal:index")
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
AXES_IPWARE_META_PRECEDENCE_ORDER = ["REMOTE_ADDR"]
AXES_LOCKOUT_CALLABLE = "hub.signin.locked_out"
AXES_USERNAME_CALLABLE = "hub.signin.axes_username"
# What a form sends along with a wrong password is noted with the attempt; the password is hidden anyway.
AXES_SENSITIVE_PARAMETERS = [
    "username",
    "ip_address",
    "new_password1",
    "new_password2",
    "otp_token",
    "csrfmiddlewaretoken",
]
CSRF_FAILURE_VIEW = "hub.way_back.expired_form"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HUB_BASE_URL.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# unfold's bundled Alpine evaluates expressions, hence 'unsafe-eval' (docs/decisions).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "https:", "http:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "frame-ancestors": ["'none'"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "object-src": ["'none'"],
    }
}

# --- language and time -----------------------------------------------------------------------
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "hub_language"
FORMAT_MODULE_PATH = ["hub.formats"]
USE_I18N = True
USE_THOUSAND_SEPARATOR = True
TIME_ZONE = "America/Sao_Paulo"
USE_TZ = True

# --- files -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = HUB_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "hub" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# --- API -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["hub.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["hub.api.rendering.FastJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hub.api.parsing.JSONBodyParser"],
    "DEFAULT_SCHEMA_CLASS": "hub.api.schema.HubSchema",
    "EXCEPTION_HANDLER": "hub.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hub API",
    "VERSION": "1.0.0",
    "DESCRIPTION": description.INFO,
    "SERVERS": description.SERVERS,
    "TAGS": description.TAGS,
    "SERVE_INCLUDE_SCHEMA": False,
    "DEFAULT_GENERATOR_CLASS": "hub.api.schema.Generator",
    "PREPROCESSING_HOOKS": ["hub.api.schema.without_trailing_slash"],
    "POSTPROCESSING_HOOKS": ["hub.api.schema.with_components"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Calls per second, seller and method, by the first word of the address, as in SkyHub's developer pages
# ("limite-de-requisicoes"); what SkyHub does not have gets 30. "GET orders" goes before "orders", and 0 means
# no limit. HUB_RATE_TABLE="GET orders=5,bulk=60" changes single lines.
HUB_RATE_LIMITS = env.flag("HUB_RATE_LIMITS", default=True)
HUB_RATE_TABLE = env.numbers(
    "HUB_RATE_TABLE",
    {
        "products": 9,
        "variations": 9,
        "orders": 9,
        "GET orders": 1,
        "queues": 9,
        "POST queues": 30,
        "shipments": 9,
        "stores": 1,
        "others": 1,
        "bulk": 30,
        "connections": 30,
        "listings": 30,
        "loads": 30,
        "issues": 30,
        "webhooks": 30,
    },
)
# What each call that moves an order answers. SkyHub announced other values for some of them in 2021, which
# nobody wrote down (docs/decisions/0013). HUB_STEP_STATUS="invoice=204,shipments=204" changes single ones.
HUB_STEP_STATUS = env.numbers(
    "HUB_STEP_STATUS",
    dict.fromkeys(("approval", "invoice", "shipments", "delivery", "cancel", "shipment_exception"), 201),
)
if set(HUB_STEP_STATUS.values()) - {200, 201, 204}:
    raise ImproperlyConfigured("HUB_STEP_STATUS: an order's step answers 200, 201 or 204.")
HUB_API_LOG = env.flag("HUB_API_LOG", default=True)
HUB_API_LOG_DAYS = env.number("HUB_API_LOG_DAYS", 14)

# --- work ------------------------------------------------------------------------------------
# django-q2 is a clock and a worker pool; the rows are the truth. The reason of each line is in
# docs/decisions/0004-django-q2-is-a-clock.md.
HUB_WORKERS = env.number("HUB_WORKERS", 2)
Q_CLUSTER = {
    "name": "hub",
    "broker_class": "hub.broker.PgBroker",
    "orm": "default",
    "workers": HUB_WORKERS,
    "queue_limit": HUB_WORKERS,
    "bulk": 1,
    "poll": 0.2,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 500,
    "label": "Hub",
}
# Simulators and a developer's ERP live on the loopback interface. A hub with a public address of its own
# is given addresses to call by strangers, and must not be led into its own network.
HUB_ALLOW_PRIVATE_ADDRESSES = env.flag("HUB_ALLOW_PRIVATE_ADDRESSES", default=not env.text("HUB_BASE_URL"))
HUB_ORDERS_POLL_SECONDS = env.number("HUB_ORDERS_POLL_SECONDS", 30)
HUB_QUEUE_HIDE_SECONDS = env.number("HUB_QUEUE_HIDE_SECONDS", 300)
HUB_EXCHANGE_DAYS = env.number("HUB_EXCHANGE_DAYS", 14)
# Within how many seconds 95 of 100 values should reach a marketplace; and how long the measurements are kept.
HUB_LAG_TARGETS = env.numbers("HUB_LAG_TARGETS", {"stock": 30, "price": 60, "content": 1800})
HUB_LAG_DAYS = env.number("HUB_LAG_DAYS", 31)

# --- watching --------------------------------------------------------------------------------
HUB_METRICS_TOKEN = env.secret("HUB_METRICS_TOKEN")
# When a marketplace is in trouble, and how it comes back: so many connections of so many sellers, and such a
# part of those that called, failed within so many seconds; then one lane tries every `canary` seconds, the
# others come back over `ramp` seconds, and after `quiet` seconds without a relapse the incident is over.
# connections=0 leaves marketplaces alone.
HUB_INCIDENTS = env.numbers(
    "HUB_INCIDENTS",
    {
        "connections": 3,
        "sellers": 2,
        "percent": 50,
        "seconds": 180,
        "canary": 15,
        "ramp": 60,
        "quiet": 120,
    },
)
HUB_LOG_FORMAT = env.choice("HUB_LOG_FORMAT", "text", ("text", "json"))
LOGGING = logs.configuration(HUB_LOG_FORMAT, env.text("HUB_LOG_LEVEL", "INFO"))

from hub.appearance import UNFOLD, UNFOLD_PORTAL  # noqa: E402, F401  (needs the settings above)
