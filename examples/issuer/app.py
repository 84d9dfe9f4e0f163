"""The stand-in issuer's endpoints and forms."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpx
from flask import Flask, Response, make_response, redirect, render_template_string, request
from flask.typing import ResponseReturnValue

from examples.issuer.provider import Client, OAuthError, Provider

_COOKIE = "issuer_session"

_PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 22rem; margin: 4rem auto; padding: 0 1rem }
  input, button { display: block; width: 100%; margin: .5rem 0; padding: .5rem; font: inherit;
    box-sizing: border-box }
  small { color: #666 }
</style>
<h1>{{ title }}</h1>
<p>{{ said }}</p>
{% if form %}
<form method="post">
  <input name="name" placeholder="Name" autocomplete="username" autofocus>
  <input name="password" type="password" placeholder="Password" autocomplete="current-password">
  <button>{{ form }}</button>
</form>
{% endif %}
<small>A stand-in for your identity provider. For trying, not for production.</small>
</html>
"""


def create_app(provider: Provider, before_token: Callable[[], object] = lambda: None) -> Flask:
    """The provider as a Flask application. `before_token` is called before each reply of the token
    endpoint; it may wait, or raise an `OAuthError`."""
    app = Flask(__name__, static_folder=None)

    @app.get("/healthz")
    def report_health() -> ResponseReturnValue:
        return {"status": "ok"}

    @app.get("/.well-known/openid-configuration")
    def describe() -> ResponseReturnValue:
        return _describe(provider.issuer)

    @app.get("/jwks")
    def list_keys() -> ResponseReturnValue:
        return provider.keys()

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize() -> ResponseReturnValue:
        """The login form; then, and for who is logged in, the way back with a code."""
        client = provider.clients.get(request.args.get("client_id", ""))
        address = request.args.get("redirect_uri", "")
        if client is None or address not in client.redirect_uris:
            return _page("Not here", "The client or its redirect_uri is unknown."), 400
        refused = _refuse(request.args)
        if refused is not None:
            return _back(address, {"error": refused, "iss": provider.issuer})
        sid, said = request.cookies.get(_COOKIE, ""), ""
        if request.method == "POST":
            sid = provider.log_in(request.form["name"], request.form["password"]) or ""
            said = "The name or the password is wrong."
        if not provider.is_logged_in(sid):
            return _page("Log in", said, form="Log in"), 200 if not said else 403
        code = provider.give_code(
            client,
            sid,
            scope=request.args["scope"],
            redirect_uri=address,
            challenge=request.args["code_challenge"],
            nonce=request.args.get("nonce"),
        )
        reply = _back(address, {"code": code, "iss": provider.issuer})
        reply.set_cookie(_COOKIE, sid, httponly=True, samesite="Lax")
        return reply

    @app.post("/token")
    def give_tokens() -> ResponseReturnValue:
        before_token()
        client, form = _client(provider), request.form
        match form.get("grant_type"):
            case "authorization_code":
                tokens = provider.redeem_code(
                    client,
                    form.get("code", ""),
                    form.get("redirect_uri", ""),
                    form.get("code_verifier", ""),
                )
            case "refresh_token":
                tokens = provider.refresh(client, form.get("refresh_token", ""))
            case _:
                raise OAuthError("unsupported_grant_type", "authorization_code or refresh_token")
        return tokens, {"Cache-Control": "no-store"}

    @app.post("/revoke")
    def revoke() -> ResponseReturnValue:
        provider.revoke(_client(provider), request.form.get("token", ""))
        return ""

    @app.get("/logout")
    def log_out() -> ResponseReturnValue:
        """Ends the session, informs its clients, and leads back where the client may lead."""
        named = provider.sid_of(request.args.get("id_token_hint", ""))
        for address, token in provider.log_out(named or request.cookies.get(_COOKIE, "")):
            httpx.post(address, data={"logout_token": token}, timeout=5, trust_env=False)
        wanted = request.args.get("post_logout_redirect_uri", "")
        allowed = {uri for client in provider.clients.values() for uri in client.logout_uris}
        if named is not None and wanted in allowed:
            reply = _back(wanted, {})
        else:
            reply = make_response(_page("Logged out", "You are logged out here."))
        reply.delete_cookie(_COOKIE)
        return reply

    @app.errorhandler(OAuthError)
    def refuse(error: OAuthError) -> ResponseReturnValue:
        status = 401 if error.error == "invalid_client" else 400
        return {"error": error.error, "error_description": error.detail}, status

    return app


def _describe(issuer: str) -> dict[str, Any]:
    """The issuer's metadata (OpenID Connect Discovery §3)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "revocation_endpoint": f"{issuer}/revoke",
        "end_session_endpoint": f"{issuer}/logout",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "scopes_supported": ["openid"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


def _refuse(asked: Any) -> str | None:
    """The error of an authorization request (RFC 6749 §4.1.2.1), if it has one."""
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in asked.get("scope", "").split():
        return "invalid_scope"
    if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
        return "invalid_request"  # RFC 9700 §2.1.1: no code without PKCE
    return None


def _client(provider: Provider) -> Client:
    """Who calls the token endpoint: by Basic, or by the form (RFC 6749 §2.3.1)."""
    given = request.authorization
    if given is not None and given.type == "basic":
        name, secret = given.username or "", given.password or ""
        return provider.authenticate(unquote_plus(name), unquote_plus(secret))
    return provider.authenticate(
        request.form.get("client_id", ""), request.form.get("client_secret")
    )


def _back(address: str, params: dict[str, str]) -> Response:
    state = request.args.get("state")
    if state is not None:
        params["state"] = state
    mark = "&" if "?" in address else "?"
    return make_response(
        redirect(f"{address}{mark}{urlencode(params)}" if params else address, 303)
    )


def _page(title: str, said: str, form: str = "") -> str:
    return render_template_string(_PAGE, title=title, said=said, form=form)
