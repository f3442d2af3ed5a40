"""The pages of annotation, one file per kind of page."""
