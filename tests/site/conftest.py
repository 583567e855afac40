"""The site is looked at with the browser that looks at the apps."""

from tests.apps.conftest import browser

__all__ = ["browser"]
