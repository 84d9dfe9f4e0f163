"""`python -m bff.cli`: the `bff` command without its script."""

from bff.cli import main

main()
