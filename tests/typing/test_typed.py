"""A user's program passes ``mypy --strict`` outside of the source tree, and runs. (The wheel: ``make package``.)"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def test_a_users_program_is_typed_against_the_install(tmp_path: Path) -> None:
    program = tmp_path / "user_program.py"
    shutil.copy(Path(__file__).with_name("user_program.py"), program)
    for command in (["-m", "mypy", "--strict", str(program)], [str(program)]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
