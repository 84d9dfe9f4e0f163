"""Small services to try the gateway on: users, orders and products, and a page that shows them.

Each is a process of its own (`python -m examples.services users --port 9101`) that keeps data
generated from a seed in memory: the same seed gives the same data, in every service. They answer
as services do, with more fields than a screen needs and some that must not reach one
(`password_hash`, `ssn`, `payment_token`, `supplier_cost`).

    vocabulary.py   the words that the data is made of
    data.py         users, products and orders from a seed
    web.py          routing, replies and the switches (delay, failure, byte counts), over ASGI
    users.py  orders.py  products.py     what each service answers
    storefront.py  storefront.html       the page of the shop: login, own orders, logout
    __main__.py     the command line, and the server
"""
