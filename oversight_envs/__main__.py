"""``python -m oversight_envs`` is ``oversight-envs``."""

from oversight_envs.cli import main

if __name__ == "__main__":
    main()
