"""What every test needs, before the harness of Home Assistant is there."""

# The harness puts its own custom_components in front of ours, unless ours is imported first.
import custom_components  # noqa: F401
