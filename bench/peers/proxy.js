// A pass-through proxy by @fastify/http-proxy, with its own settings but for the log.
//
// BENCH_UPSTREAM=http://127.0.0.1:9190 PORT=9191 node proxy.js
import proxy from "@fastify/http-proxy";
import Fastify from "fastify";

const app = Fastify({ logger: false });
app.register(proxy, {
  upstream: process.env.BENCH_UPSTREAM,
  prefix: "/raw/products",
  rewritePrefix: "/",
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
