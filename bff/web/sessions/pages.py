"""What a browser sees that navigates to an endpoint of sessions: a way on, or what went wrong.

The pages are constant but for addresses of the gateway's own. They hold no script, load nothing,
stand in no frame, and pass no address on.
"""

import html

from bff.web.http.problems import problem
from bff.web.http.replies import NO_STORE, NOSNIFF, RawHeader, Reply
from bff.web.http.requests import GatewayRequest

PRIVATE: tuple[RawHeader, ...] = (
    NO_STORE,
    NOSNIFF,
    (b"referrer-policy", b"no-referrer"),
)
_NO_POWERS = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_ONWARD = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Logged in</title>
<meta http-equiv="refresh" content="0;url={url}">
<p><a href="{url}">Go on</a></p></html>
"""
_FAILURE = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1><p>{text}</p><p><a href="{url}">Log in again</a></p></html>
"""


def send_on(location: str, *headers: RawHeader) -> Reply:
    """A redirect."""
    return Reply(
        303, [(b"location", location.encode()), (b"content-length", b"0"), *PRIVATE, *headers]
    )


def onward(url: str, *headers: RawHeader) -> Reply:
    """The page after a login. A redirect would still count as the issuer's navigation, from another
    site, and the browser would not send the session's cookie, which is strict. A page of the
    gateway's that navigates is of the own site."""
    return _page(200, _ONWARD.format(url=html.escape(url)), headers)


def failure(
    request: GatewayRequest,
    status: int,
    reason: str,
    title: str,
    text: str,
    *headers: RawHeader,
    login_url: str,
) -> Reply:
    """What went wrong: a page for whoever navigates, else a problem document."""
    if b"text/html" not in request.single.get(b"accept", b""):
        return problem(request, status, reason, text, headers=headers)
    page = _FAILURE.format(title=title, text=text, url=html.escape(login_url))
    reply = _page(status, page, headers)
    reply.facts = {"error.type": reason}
    return reply


def _page(status: int, text: str, headers: tuple[RawHeader, ...]) -> Reply:
    body = text.encode()
    return Reply(
        status,
        [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"content-security-policy", _NO_POWERS),
            *PRIVATE,
            *headers,
        ],
        body,
    )
