"""A module that can't be imported."""

import no_such_package  # noqa: F401
