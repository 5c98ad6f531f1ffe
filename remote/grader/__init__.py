"""Grades what a model wrote, with all of it kept inside a sandbox. Run as `python grader <command>`."""
