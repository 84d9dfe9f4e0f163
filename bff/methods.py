"""The HTTP methods of compositions and operations, and all that there are. Imports nothing: every
floor may know them."""

READING_METHODS = ("GET", "QUERY")  # QUERY: RFC 10008, a GET with a body
WRITING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
METHODS = (*READING_METHODS, *WRITING_METHODS)

# All that HTTP has: RFC 9110, PATCH (RFC 5789), QUERY.
KNOWN_METHODS = frozenset((*METHODS, "HEAD", "OPTIONS", "CONNECT", "TRACE"))
