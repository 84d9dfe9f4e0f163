"""`make house`: how the package `bff` is built, from its imports. It reports, and checks nothing.

rooms.py       folders with their files and lines, on floors, with the arrows between them
walks.py       the files that a request enters, traced in this process
__main__.py    both as Markdown, for docs/house.md
"""
