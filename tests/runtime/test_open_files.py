"""A process of hinomi may open as many files as the system lets it."""

import resource
import subprocess
import sys

PROGRAM = """
import resource
from hinomi.runtime.open_files import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1500))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
print(raise_limit())
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard == resource.RLIM_INFINITY or hard >= 1500
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1500", "1500", "1500", "1500"], done.stderr
