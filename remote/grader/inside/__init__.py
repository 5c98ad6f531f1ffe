"""What is run inside a sandbox; tagged.py on both sides of the wall."""
