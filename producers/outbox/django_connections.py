"""Django's database connections in threads that serve no request, where nobody else closes the old ones."""

import sys


def close_old_connections() -> None:
    """Close this thread's connections that are past their age or broken, as Django does around a request.

    Nothing where the process has no Django, or one whose settings nobody has needed yet.
    """
    databases, configuration = sys.modules.get("django.db"), sys.modules.get("django.conf")
    if databases is not None and configuration is not None and configuration.settings.configured:
        databases.close_old_connections()
        databases.reset_queries()
