"""A service of files, for routes: uploads in forms, downloads, and a stream of events."""

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue


def build() -> Blueprint:
    """The stand-in, at `/files`."""
    files = Blueprint("files", __name__, url_prefix="/files")

    @files.post("/uploads")
    def upload() -> ResponseReturnValue:
        """Takes `multipart/form-data` with a file, and a title."""
        file = request.files["file"]
        size = len(file.stream.read())
        made = {"name": file.filename, "size": size, "title": request.form["title"]}
        return made, 201, {"Location": "/files/uploads/1"}

    @files.get("/reports/<name>")
    def download(name: str) -> ResponseReturnValue:
        """A file to save."""
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(b"id,total\n1,19.90\n", mimetype="text/csv", headers=disposition)

    @files.get("/events")
    def events() -> ResponseReturnValue:
        """Server-sent events: three, and then the end."""
        lines = (f"id: {number}\ndata: tick {number}\n\n" for number in range(1, 4))
        return Response(lines, mimetype="text/event-stream")

    @files.get("/old/<name>")
    def moved(name: str) -> ResponseReturnValue:
        """What has another address now."""
        return redirect(f"/files/reports/{name}", 301)

    return files
