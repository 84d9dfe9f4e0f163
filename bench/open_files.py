"""As many open files as a run needs: each connection is one, at both of its ends."""

import resource


class TooFewFiles(Exception):
    """The machine does not allow what is to be measured; the message says how to mend it."""


def raise_open_files(needed: int) -> None:
    """Allow this process, and all that it starts from now on, as many as the machine gives. Raises
    `TooFewFiles` where that is less than one process needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < needed:
        raise TooFewFiles(
            f"A process may open {most:,} files here, and one of this run needs {needed:,}. "
            f"Raise the hard limit, as root: ulimit -Hn {needed}"
        )
