"""How many files a process may have open: as many as the system lets it. Each connection is one."""

import resource

MOST = 65_536


def raise_limit() -> int:
    """Raise the soft limit to the hard one, at most to `MOST`; return what it is now. Forks have it too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
