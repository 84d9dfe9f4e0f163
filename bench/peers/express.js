// The screens by hand: three concurrent calls by axios, nothing validated.
//
// BENCH_UPSTREAM=http://127.0.0.1:9190 PORT=9191 node express.js
import { Agent } from "node:http";

import axios from "axios";
import express from "express";

const upstream = axios.create({
  baseURL: process.env.BENCH_UPSTREAM,
  httpAgent: new Agent({ keepAlive: true }),
  proxy: false,
  timeout: 2_000,
});
const app = express();

async function home(userId, prefix, limit) {
  const [user, orders, products] = await Promise.all([
    upstream.get(`${prefix}/users/${userId}`),
    upstream.get(`${prefix}/orders`, { params: { user_id: userId, limit } }),
    upstream.get(`${prefix}/popular`),
  ]);
  return { user: user.data, orders: orders.data, products: products.data };
}

app.get("/screens/home/:userId", async (request, response) => {
  response.json(await home(Number(request.params.userId), "", 20));
});
app.get("/screens/home-large/:userId", async (request, response) => {
  response.json(await home(Number(request.params.userId), "/large", 200));
});

app.listen(Number(process.env.PORT), "127.0.0.1");
