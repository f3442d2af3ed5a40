"""Routes of analyses of ratings collected elsewhere. config includes them under analyses/."""

from django.urls import path, register_converter

from evaluation.views import analyses


class Digest:
    """A SHA-256 in hexadecimal: nothing that could leave its folder."""

    regex = "[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        """The value as it is."""
        return value

    def to_url(self, value: str) -> str:
        """The value as it is."""
        return value


register_converter(Digest, "digest")
app_name = "analyses"

urlpatterns = [
    path("", analyses.analyses, name="analyses"),
    path("<digest:digest>/", analyses.columns, name="columns"),
    path("<digest:digest>/delete", analyses.delete, name="delete"),
    path("<digest:digest>/report/", analyses.report, name="report"),
    path("<digest:digest>/report/<path:name>", analyses.file, name="file"),
]
