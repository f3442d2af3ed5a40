"""Recovery codes that django-otp stored as they are become keyed hashes; they stay good."""

from typing import Any, Final

from django.db import migrations

from config.second_factor import stored_form

# django-otp makes codes of eight characters; a hash has sixteen.
PLAIN_LENGTH: Final = 8


def hash_codes(apps: Any, _: Any) -> None:
    """Every plain code is replaced by its stored form."""
    for token in apps.get_model("otp_static", "StaticToken").objects.all():
        if len(token.token) == PLAIN_LENGTH:
            token.token = stored_form(token.token)
            token.save(update_fields=["token"])


class Migration(migrations.Migration):
    """Rows of another app, so nothing of this one's state changes."""

    dependencies = [("otp_static", "0003_add_timestamps")]
    operations = [migrations.RunPython(hash_codes, migrations.RunPython.noop)]
