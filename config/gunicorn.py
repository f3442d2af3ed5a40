"""Gunicorn's configuration: gunicorn -c config/gunicorn.py config.wsgi:application."""

import os

bind = f"{os.environ.get('WEB_HOST', '127.0.0.1')}:{os.environ.get('WEB_PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# A kept connection stays with the worker that took it, and one worker takes most of those that come together:
# 44 of 50 raters shared one processor. A proxy keeps its own connections to the browsers.
keepalive = 0
timeout = 60
graceful_timeout = 20
# Memory that grows slowly never becomes an outage. The jitter keeps the workers from ending together.
max_requests = 10_000
max_requests_jitter = 1_000
# Nothing here is managed from outside.
control_socket_disable = True
accesslog = "-"
# Method, path without its query string, status, size, seconds: no address, no browser, no platform id.
access_log_format = "%(m)s %(U)s %(s)s %(B)s %(L)ss"
