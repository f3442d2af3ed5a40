"""Property tests search for a wrong answer, not for a slow one: no deadline, and few enough examples to run
often."""

from hypothesis import settings

settings.register_profile("metrics", deadline=None, max_examples=50)
settings.load_profile("metrics")
