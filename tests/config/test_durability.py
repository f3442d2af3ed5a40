"""A database that may forget a commit is refused."""

import pytest
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from config import durability


@pytest.mark.django_db
def test_the_embedded_server_is_accepted() -> None:
    assert durability.check_databases(databases=["default"]) == []


@pytest.mark.django_db
def test_a_session_without_synchronous_commit_fails_the_check() -> None:
    """Control: drop synchronous_commit from GUARDS."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")

    (found,) = durability.check_databases(databases=["default"])

    assert isinstance(found, Error)
    assert "synchronous_commit=off" in found.msg


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_may_forget_is_refused() -> None:
    """Control: disconnect refuse_forgetful_server from connection_created."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.settings_dict["OPTIONS"] = options | {"options": "-c synchronous_commit=off"}
    try:
        with pytest.raises(ImproperlyConfigured, match="synchronous_commit=off"):
            connection.ensure_connection()
    finally:
        connection.settings_dict["OPTIONS"] = options
        connection.close()
    connection.ensure_connection()
