"""`python -m examples.stand_ins`: all stand-ins at http://127.0.0.1:9210, until Ctrl-C.

Standard output has the recipes' secrets as lines that a shell and `--env-file` read.
"""

import shlex
import sys
from contextlib import suppress

from werkzeug.serving import make_server

from examples.stand_ins import PORT, SECRETS, create_app


def main() -> None:
    """Serve until a signal comes."""
    with make_server("127.0.0.1", PORT, create_app(), threaded=True) as server:
        for name, value in SECRETS.items():
            print(f"{name}={shlex.quote(value)}", flush=True)
        print(f"Stand-ins at http://127.0.0.1:{PORT}", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
