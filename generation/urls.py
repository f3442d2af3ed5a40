"""Routes of prompts, runs and images."""

from django.urls import path, register_converter

from generation.views import explored, images, imports, projects, prompt_sets, questions, queue, runs, uploads


class Sha256Converter:
    """64 lower-case hexadecimal digits."""

    regex = "[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        """The digits as they are."""
        return value

    def to_url(self, value: str) -> str:
        """The digits as they are."""
        return value


register_converter(Sha256Converter, "sha256")

app_name = "generation"

urlpatterns = [
    path("projects/", projects.projects, name="projects"),
    path("projects/<int:pk>/", projects.project, name="project"),
    path("projects/<int:pk>/members/", projects.member_add, name="member_add"),
    path("projects/<int:pk>/members/<int:member>/", projects.member_change, name="member_change"),
    path("projects/<int:pk>/leave/", projects.project_leave, name="project_leave"),
    path("prompts/<int:pk>/pictures/", uploads.pictures_upload, name="prompt_pictures"),
    path("prompts/<int:pk>/move/", projects.prompt_set_move, name="prompt_set_move"),
    path("prompts/", prompt_sets.prompt_sets, name="prompt_sets"),
    path("prompts/import/", imports.prompt_import, name="prompt_import"),
    path("prompts/import/example.csv", imports.example_file, name="example_file"),
    path("prompts/import/example/", imports.use_example, name="use_example"),
    path("prompts/import/<sha256:digest>/", imports.prompt_preview, name="prompt_preview"),
    path("prompts/import/<sha256:digest>/state/", imports.preview_state, name="preview_state"),
    path("prompts/<int:pk>/", prompt_sets.prompt_set, name="prompt_set"),
    path("prompts/<int:pk>/words/<int:prompt_pk>/", prompt_sets.prompt_words, name="prompt_words"),
    path("queue/", queue.queue, name="queue"),
    path("runs/", runs.runs, name="runs"),
    path("runs/new/", runs.run_new, name="run_new"),
    path("runs/new/price/", runs.run_price, name="run_price"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/progress/", runs.run_progress, name="run_progress"),
    path("runs/<int:pk>/<str:act>/", runs.run_act, name="run_act"),
    path("runs/<int:pk>/images/<int:image_pk>/question/", questions.image_question, name="image_question"),
    path("runs/<int:pk>/images/<int:image_pk>/explore/", explored.explore, name="explore"),
    path("runs/<int:pk>/images/<int:image_pk>/explore/state/", explored.explore_state, name="explore_state"),
    path("questions/", questions.questions, name="questions"),
    path("questions/new/", questions.question_new, name="question_new"),
    path("questions/<int:pk>/", questions.question, name="question"),
    path("questions/<int:pk>/state/", questions.question_state, name="question_state"),
    path("questions/<int:pk>/delete/", questions.question_delete, name="question_delete"),
    path("questions/<int:pk>/again/", questions.question_again, name="question_again"),
    path("questions/<int:pk>/picture.png", questions.question_png, name="question_png"),
    path("questions/<int:pk>/maps.npz", questions.question_npz, name="question_npz"),
    path("questions/<int:pk>/<str:table>.csv", questions.question_csv, name="question_csv"),
    path("questions/<int:pk>/<int:position>/<str:kind>.png", questions.question_map, name="question_map"),
    path("questions/<int:pk>/<int:position>/<str:kind>.npy", questions.question_npy, name="question_npy"),
    path("runs/<int:pk>/images/<int:image_pk>/", images.image, name="image"),
    path("runs/<int:pk>/images/<int:image_pk>/image.png", images.image_png, name="image_png"),
    path("runs/<int:pk>/images/<int:image_pk>/legend.png", images.legend_png, name="legend_png"),
    path("runs/<int:pk>/maps/<int:map_pk>/mask.png", images.mask_png, name="mask_png"),
    path("runs/<int:pk>/maps/<int:map_pk>/raw.npy", images.raw_npy, name="raw_npy"),
    path(
        "runs/<int:pk>/maps/<int:map_pk>/explored/<str:axis>.png", explored.strip_png, name="explored_strip"
    ),
    path("runs/<int:pk>/maps/<int:map_pk>/explored/<str:axis>.npy", explored.raw_npy, name="explored_npy"),
    path(
        "runs/<int:pk>/maps/<int:map_pk>/explored/<str:axis>/<int:place>.png",
        explored.tile_png,
        name="explored_tile",
    ),
    path("runs/<int:pk>/maps/<int:map_pk>/heat.png", images.heat_png, name="heat_png"),
    path("runs/<int:pk>/maps/<int:map_pk>/overlay.png", images.overlay_png, name="overlay_png"),
]
