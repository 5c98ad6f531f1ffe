"""Grades what a model wrote, with everything the model wrote kept inside a sandbox. Run as `python grader <command>`."""
