"""A host of code, as GitHub and GitLab are: pages by Link, ids with slashes, files in a tree."""

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

_ISSUES = [
    {"number": number, "title": title, "user": {"login": login}, "node_id": f"I_{number}"}
    for number, title, login in [
        (1, "Crash at start", "ann"),
        (2, "Slow search", "bob"),
        (3, "Typo", "ann"),
        (4, "Dark mode", "cid"),
        (5, "Broken link", "bob"),
    ]
]
_FILES = {"README.md": 120, "src/app.py": 4000, "src/lib/a b.py": 900}


def build() -> Blueprint:
    """The stand-in, at `/code`."""
    code = Blueprint("code", __name__, url_prefix="/code")

    @code.get("/repos/<owner>/<repo>/issues")
    def list_issues(owner: str, repo: str) -> ResponseReturnValue:
        """A page of issues; Link leads on, with addresses of the host's public name."""
        page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 30))
        last = -(-len(_ISSUES) // size)
        reply: Response = jsonify(_ISSUES[(page - 1) * size : page * size])
        reply.headers["X-Total-Count"] = str(len(_ISSUES))
        pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        links = [
            f"<https://code.example/code/repos/{owner}/{repo}/issues?per_page={size}&page={number}>;"
            f' rel="{name}"'
            for name, number in pages.items()
            if 1 <= number <= last
        ]
        reply.headers["Link"] = ", ".join(links)
        return reply

    @code.get("/projects/<path:_id>")
    def get_project(_id: str) -> ResponseReturnValue:
        """A project by its number, or by its path in one segment: `acme%2Fshop`."""
        segment = request.environ["RAW_URI"].partition("/projects/")[2].lower()
        if segment not in ("7", "acme%2fshop"):
            abort(404)
        return {"id": 7, "path_with_namespace": "acme/shop", "stars": 12}

    @code.get("/files/<path:path>")
    def get_file(path: str) -> ResponseReturnValue:
        """What is known of a file; its path has slashes."""
        if path not in _FILES:
            abort(404)
        return {"path": path, "size": _FILES[path]}

    return code
