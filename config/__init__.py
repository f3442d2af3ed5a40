"""Wiring: settings, routes, servers. Imported by nobody but manage.py and the servers."""
