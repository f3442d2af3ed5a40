"""A handful of std-lib-only files that more than one app needs."""
