"""The HTTP methods of compositions and operations. Imports nothing: every floor may know them."""

READING_METHODS = ("GET",)
WRITING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
METHODS = (*READING_METHODS, *WRITING_METHODS)
