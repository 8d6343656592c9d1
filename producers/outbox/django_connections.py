"""Django's database connections in threads that serve no request, where nobody else closes the old ones."""

import sys


def close_old_connections() -> None:
    """Close this thread's connections that are past their age or broken, as Django does around a request.

    Nothing where the process has not loaded Django's databases.
    """
    loaded = sys.modules.get("django.db")
    if loaded is not None:
        loaded.close_old_connections()
        loaded.reset_queries()
