"""Every prompt set belongs to a project."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0004_personal_projects")]

    operations = [
        migrations.AlterField(
            model_name="promptset",
            name="project",
            field=models.ForeignKey(
                help_text="Who may see the prompts, and everything that is made from them.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="prompt_sets",
                to="generation.project",
            ),
        ),
    ]
