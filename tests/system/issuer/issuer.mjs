// `node issuer.mjs OPTIONS`: oidc-provider as the tests need it, with forms of its own.
//
// OPTIONS is one JSON object:
//   port            where it listens, on 127.0.0.1
//   clients         as oidc-provider takes them
//   audience        of access tokens, which are JWTs for it
//   accounts        {name: {password, sub, …claims}}
//
// Beside the provider's own endpoints:
//   GET  /healthz   answers once it listens
//   GET  /_events   the names of what has happened so far, in order: ["refresh_token.consumed", …]
//   POST /_switch   {"token_delay_ms": 5000, "access_seconds": 2}: how long each answer of the token
//                   endpoint takes, and how long the access tokens live that it gives from now on

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Provider } from 'oidc-provider';

const options = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${options.port}`;
const switches = { token_delay_ms: 0, access_seconds: 300 };
const CLAIMS = ['sub', 'name', 'roles'];
const accounts = new Map(Object.values(options.accounts).map((account) => [account.sub, account]));

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: options.clients,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'one' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: { openid: CLAIMS },
  conformIdTokenClaims: false,
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => claimsOf(sub) }),
  extraTokenClaims: (ctx, token) => (token.accountId ? claimsOf(token.accountId) : {}),
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: () => switches.access_seconds,
    ClientCredentials: () => switches.access_seconds,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:shop',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience: options.audience,
        scope: 'orders.read',
        accessTokenFormat: 'jwt',
        accessTokenTTL: switches.access_seconds,
      }),
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: askForLogout, postLogoutSuccessSource: said },
  },
});

const events = [];
for (const name of [
  'access_token.issued',
  'backchannel.error',
  'backchannel.success',
  'end_session.success',
  'grant.revoked',
  'refresh_token.consumed',
  'refresh_token.destroyed',
  'refresh_token.saved',
]) {
  provider.on(name, () => events.push(name));
}
provider.on('server_error', (ctx, error) => console.error(error));
provider.on('grant.error', (ctx, error) => events.push(`grant.error ${error.error}`));

const answer = provider.callback();
createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  try {
    if (pathname === '/healthz') {
      response.end();
    } else if (pathname === '/_events') {
      response.end(JSON.stringify(events));
    } else if (pathname === '/_switch') {
      Object.assign(switches, JSON.parse(await read(request)));
      response.end();
    } else if (pathname.startsWith('/interaction/')) {
      await interact(request, response);
    } else {
      if (pathname === '/token') await setTimeout(switches.token_delay_ms);
      answer(request, response);
    }
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    response.end();
  }
}).listen(options.port, '127.0.0.1');

function claimsOf(sub) {
  const { password, ...claims } = accounts.get(sub);
  return claims;
}

// Login, then consent: a form each, answered by POST to where it was shown.
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(prompt.name === 'login' ? loginForm('') : consentForm(params.client_id));
    return;
  }
  const form = new URLSearchParams(await read(request));
  if (prompt.name === 'login') {
    const name = form.get('name');
    const account = Object.hasOwn(options.accounts, name) ? options.accounts[name] : undefined;
    if (account === undefined || account.password !== form.get('password')) {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(loginForm('That is not right.'));
      return;
    }
    await finish(request, response, { login: { accountId: account.sub } });
    return;
  }
  if (!form.has('allow')) {
    await finish(request, response, { error: 'access_denied' });
    return;
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  await finish(request, response, { consent: { grantId: await grant.save() } });
}

function finish(request, response, result) {
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function page(title, body) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body { font: 16px sans-serif; max-width: 20rem; margin: 4rem auto }
input, button { display: block; width: 100%; margin: .5rem 0; padding: .5rem; box-sizing: border-box }</style>
<h1>${title}</h1>${body}</html>`;
}

function loginForm(said) {
  return page('Log in', `<p>${said}</p><form method="post">
<input name="name" placeholder="Name" autocomplete="username">
<input name="password" type="password" placeholder="Password" autocomplete="current-password">
<button>Log in</button></form>`);
}

function consentForm(client) {
  return page('Allow?', `<p>${encodeURI(client)} wants to know who you are.</p><form method="post">
<button name="allow" value="yes">Allow</button><button>Refuse</button></form>`);
}

function askForLogout(ctx, form) {
  ctx.body = page('Log out?', `${form}
<button form="op.logoutForm" name="logout" value="yes">Log out</button>`);
}

function said(ctx) {
  ctx.body = page('Logged out', '');
}
