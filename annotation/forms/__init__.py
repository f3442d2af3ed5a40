"""The forms of annotation, one file per kind of page."""
