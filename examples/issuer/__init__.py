"""A small OpenID provider to log in at: for trying the gateway and its tests, not for production.

It holds everything in memory, keeps passwords as they are and stands on plain HTTP. What it does,
it does as the standards say: authorization code with PKCE (S256 alone), ID tokens with a nonce,
refresh tokens that rotate and end with their session when an old one comes again, revocation
(RFC 7009), logout by the browser and by the back channel (OpenID Connect).

    provider.py     clients, accounts, sessions, codes and tokens: what is decided
    app.py          the endpoints and the forms, as a Flask application
    __main__.py     the command line
"""
