"""Everything that researchers made so far goes into a project of their own, with them as its owner."""

from django.db import migrations
from django.db.migrations.state import StateApps


def into_personal_projects(apps: StateApps, schema_editor: object) -> None:  # noqa: ARG001 (Django passes it)
    """One project per researcher with prompts. Who ran another's prompts (an admin) manages that project."""
    Project = apps.get_model("generation", "Project")
    Membership = apps.get_model("generation", "Membership")
    PromptSet = apps.get_model("generation", "PromptSet")
    Run = apps.get_model("generation", "Run")
    users = apps.get_model("auth", "User").objects.filter(prompt_sets__isnull=False).distinct()
    for user in users:
        project = Project.objects.create(name=f"{user.username}’s project"[:120], personal_of=user)
        Membership.objects.create(project=project, user=user, role="owner")
        PromptSet.objects.filter(owner=user, project=None).update(project=project)
    runs = Run.objects.order_by().values_list("prompt_set__project", "owner").distinct()
    for project_id, user_id in runs:
        Membership.objects.get_or_create(project_id=project_id, user_id=user_id, defaults={"role": "manager"})


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0003_projects"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(into_personal_projects, migrations.RunPython.noop)]
