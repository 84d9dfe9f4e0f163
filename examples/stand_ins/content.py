"""A content service in JSON:API (https://jsonapi.org), and a list of products in OData."""

import re
from typing import Any

from flask import Blueprint, abort, json, request
from flask.typing import ResponseReturnValue

MEDIA_TYPE = "application/vnd.api+json"
_PEOPLE = {"9": "Ann", "2": "Bob"}
_PRODUCTS = [
    {"ProductID": number, "ProductName": name, "UnitPrice": price}
    for number, name, price in [
        (1, "Chai", 18.0),
        (2, "Chang", 19.0),
        (3, "Ikura", 31.0),
        (4, "I'kura", 9.0),
    ]
]

_FILTER = re.compile(r"UnitPrice gt ([\d.]+) and startswith\(ProductName,'((?:[^']|'')*)'\)")


def build() -> Blueprint:
    """The stand-in, at `/content` and `/odata`."""
    content = Blueprint("content", __name__)
    titles = {"1": "Rain", "2": "Sun", "3": "Snow"}
    authors = {"1": "9", "2": "2", "3": "9"}

    def article(number: str) -> dict[str, Any]:
        author = {"data": {"type": "people", "id": authors[number]}}
        return {
            "type": "articles",
            "id": number,
            "attributes": {"title": titles[number]},
            "relationships": {"author": author},
        }

    @content.get("/content/articles")
    def list_articles() -> ResponseReturnValue:
        """A page of articles, by `page[number]` and `page[size]`, with `links.next`."""
        number = int(request.args.get("page[number]", 1))
        size = int(request.args.get("page[size]", 2))
        data = [article(each) for each in titles][(number - 1) * size : number * size]
        following = f"/content/articles?page[number]={number + 1}&page[size]={size}&include=author"
        document: dict[str, Any] = {
            "data": data,
            "links": {"next": following if number * size < len(titles) else None},
        }
        if request.args.get("include") == "author":
            document["included"] = [
                {"type": "people", "id": each, "attributes": {"name": _PEOPLE[each]}}
                for each in sorted({authors[found["id"]] for found in data})
            ]
        return _document(document)

    @content.patch("/content/articles/<number>")
    def change_article(number: str) -> ResponseReturnValue:
        """Changes attributes; another media type is a 415, and a wrong one a list of errors."""
        if request.content_type != MEDIA_TYPE:
            abort(415)
        sent = json.loads(request.get_data())["data"]
        title = sent["attributes"].get("title")
        if not title:
            problem = {
                "status": "422",
                "detail": "must not be empty",
                "source": {"pointer": "/data/attributes/title"},
            }
            return _document({"errors": [problem]}, 422)
        titles[number] = title
        return _document({"data": article(number)})

    @content.get("/odata/Products")
    def list_products() -> ResponseReturnValue:
        """Products by a filter such as `UnitPrice gt 18 and startswith(ProductName,'Ch')`, `$top`
        at a time, with `@odata.nextLink`."""
        wanted = _FILTER.fullmatch(request.args.get("$filter", ""))
        if wanted is None:
            abort(400)
        least, start = float(wanted[1]), wanted[2].replace("''", "'")
        found = [
            each
            for each in _PRODUCTS
            if float(str(each["UnitPrice"])) > least and str(each["ProductName"]).startswith(start)
        ]
        top, skip = int(request.args.get("$top", 2)), int(request.args.get("$skip", 0))
        reply: dict[str, Any] = {"@odata.count": len(found), "value": found[skip : skip + top]}
        if skip + top < len(found):
            query = "&".join(
                f"{name}={value}" for name, value in request.args.items() if name != "$skip"
            )
            reply["@odata.nextLink"] = f"Products?{query}&$skip={skip + top}".replace(" ", "%20")
        return reply

    return content


def _document(value: Any, status: int = 200) -> ResponseReturnValue:
    return json.dumps(value), status, {"Content-Type": MEDIA_TYPE}
