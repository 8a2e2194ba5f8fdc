"""The command line ``oversight-envs``: list, play, evaluate, report, train, demo.

Nothing heavy is imported before a command needs it, so that help and ``list`` answer at once.
"""

from oversight_envs.cli.app import app, main

__all__ = ["app", "main"]
