"""Property tests here are never timed: the first example of some imports a whole library."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
