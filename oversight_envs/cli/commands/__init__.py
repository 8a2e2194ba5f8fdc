"""What each command takes, by what it is for. What they do is in the modules of ``cli``."""
