// The screens by hand: three concurrent calls by undici. With `validated` as its argument, replies go
// through zod; without, they are parsed, merged and go out with all that is in them.
//
// BENCH_UPSTREAM=http://127.0.0.1:9190 PORT=9191 node fastify.js validated
import Fastify from "fastify";
import { Pool } from "undici";

import { OrderPage, ProductList, User } from "./shop.js";

const isValidated = process.argv[2] === "validated";
const upstream = new Pool(process.env.BENCH_UPSTREAM, {
  connections: 96, // three for each of the load generator's
  keepAliveTimeout: 60_000,
});
const app = Fastify({ logger: false });

async function get(path, schema) {
  const { statusCode, body } = await upstream.request({ method: "GET", path });
  if (statusCode !== 200) {
    await body.dump();
    throw new Error(`${path} answers ${statusCode}`);
  }
  const value = await body.json();
  return isValidated ? schema.parse(value) : value;
}

async function home(userId, prefix, limit) {
  const [user, orders, products] = await Promise.all([
    get(`${prefix}/users/${userId}`, User),
    get(`${prefix}/orders?user_id=${userId}&limit=${limit}`, OrderPage),
    get(`${prefix}/popular`, ProductList),
  ]);
  return { user, orders, products };
}

app.get("/screens/home/:userId", (request) => home(Number(request.params.userId), "", 20));
app.get("/screens/home-large/:userId", (request) =>
  home(Number(request.params.userId), "/large", 200),
);

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
