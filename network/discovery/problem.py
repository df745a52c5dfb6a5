"""The one error of discovery."""


class DiscoveryProblem(ValueError):  # noqa: N818 - most are no errors, only more than we understand
    """A config, or one entity of it, cannot be used; the text says why and what was expected."""
