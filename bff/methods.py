"""The HTTP methods of compositions and operations. Imports nothing: every floor may know them."""

READING_METHODS = ("GET", "QUERY")  # QUERY: RFC 10008, a GET with a body
WRITING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
METHODS = (*READING_METHODS, *WRITING_METHODS)
