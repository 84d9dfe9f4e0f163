"""A payment service, as Stripe is: forms, `expand[]`, and lists that go on behind the last id."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

TOKEN = "sk_test_1"

_CUSTOMERS = {"cus_1": {"id": "cus_1", "name": "Ann"}, "cus_2": {"id": "cus_2", "name": "Bob"}}


def build() -> Blueprint:
    """The stand-in, at `/payments`."""
    payments = Blueprint("payments", __name__, url_prefix="/payments")
    charges: list[dict[str, Any]] = [
        {"id": f"ch_{number}", "amount": 100 * number, "customer": customer, "metadata": {}}
        for number, customer in enumerate(["cus_1", "cus_2", "cus_1"], 1)
    ]

    @payments.before_request
    def authorize() -> ResponseReturnValue | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "invalid_request_error", "Invalid API Key provided.")
        return None

    @payments.get("/v1/charges")
    def list_charges() -> ResponseReturnValue:
        """At most `limit` charges behind `starting_after`."""
        ids = [each["id"] for each in charges]
        begin = ids.index(after) + 1 if (after := request.args.get("starting_after")) else 0
        end = begin + int(request.args.get("limit", 10))
        expand = "data.customer" in request.args.getlist("expand[]")
        data = [_expanded(each) if expand else each for each in charges[begin:end]]
        return {"object": "list", "data": data, "has_more": end < len(charges)}

    @payments.post("/v1/charges")
    def create_charge() -> ResponseReturnValue:
        """A charge from a form; JSON isn't read."""
        amount = request.form.get("amount", "")
        if not amount.isdecimal():
            return _error(400, "invalid_request_error", "Missing required param: amount.")
        if int(amount) > 10_000:
            return _error(402, "card_error", "Your card was declined.", "card_declined")
        charge = {
            "id": f"ch_{len(charges) + 1}",
            "amount": int(amount),
            "customer": request.form.get("customer"),
            "metadata": {
                name[len("metadata[") : -1]: value
                for name, value in request.form.items()
                if name.startswith("metadata[")
            },
        }
        charges.append(charge)
        return _expanded(charge) if "customer" in request.form.getlist("expand[]") else charge

    @payments.post("/v1/sessions")
    def begin_session() -> ResponseReturnValue:
        """A page of the service's own, where the customer pays."""
        return {"id": "cs_1", "url": f"https://pay.example/c/{request.form['order_id']}?lang=en"}

    return payments


def _expanded(charge: dict[str, Any]) -> dict[str, Any]:
    return {**charge, "customer": _CUSTOMERS.get(charge["customer"])}


def _error(status: int, kind: str, message: str, code: str | None = None) -> ResponseReturnValue:
    return {"error": {"type": kind, "message": message, "code": code}}, status
