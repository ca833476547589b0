// Tokens from a real authorization server, and a real client that finds its way from a 401 to a call.
//
//   flows.mjs ISSUER SIDECAR RESOURCE
import { createServer } from 'node:http';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

const [issuer, sidecar, resource] = process.argv.slice(2);
let failed = 0;

function check(what, holds, seen) {
  console.log(`${holds ? 'ok' : 'FAILED'}  ${what}${holds ? '' : `: ${JSON.stringify(seen)}`}`);
  if (!holds) failed += 1;
}

async function token(client, parameters) {
  const reply = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${client}:${client}-secret`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ resource, scope: 'mcp', ...parameters }),
  });
  const body = await reply.json();
  if (!reply.ok) throw new Error(`no token for ${client}: ${JSON.stringify(body)}`);
  return body.access_token;
}

async function call(bearer, url = sidecar) {
  const reply = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call', 'mcp-name': 'whoami', ...(bearer && { authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0', id: 1, method: 'tools/call',
      params: {
        name: 'whoami', arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {},
          'io.modelcontextprotocol/clientInfo': { name: 'flows', version: '1' },
        },
      },
    }),
  });
  const text = await reply.text();
  return { status: reply.status, challenge: reply.headers.get('www-authenticate'), text };
}

const claims = bearer => JSON.parse(Buffer.from(bearer.split('.')[1], 'base64url').toString());
const good = reply => reply.status === 200 && !reply.text.includes('"isError":true') && reply.text.includes('"content"');

// Goes where a browser would go, with its cookies, until somebody wants to know the code.
async function browse(url) {
  const cookies = new Map();
  let next = new URL(url);
  const been = [];
  for (let step = 0; step < 20; step += 1) {
    if (next.pathname === '/callback') return next.searchParams;
    const reply = await fetch(next, {
      redirect: 'manual', headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of reply.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const [name, ...value] = pair.split('=');
      if (value.join('=')) cookies.set(name, value.join('='));
      else cookies.delete(name);
    }
    const location = reply.headers.get('location');
    if (!location) throw new Error(`${next} leads nowhere: ${reply.status} ${await reply.text()}`);
    next = new URL(location, next);
    been.push(next.pathname);
  }
  throw new Error(`the authorization server sends us round in circles: ${been.join(' ')}`);
}

// What the SDK needs to know of an application, kept in memory.
class Application {
  redirectUrl = 'http://127.0.0.1:1/callback';
  clientMetadata = {
    client_name: 'flows', redirect_uris: [this.redirectUrl], grant_types: ['authorization_code'], response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  clientInformation() { return this.information; }
  saveClientInformation(information) { this.information = information; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  saveDiscoveryState(state) { this.discovered = state; }
  discoveryState() { return this.discovered; }
  async redirectToAuthorization(url) { this.came = await browse(url); }
}

async function sdk(mode) {
  const application = new Application();
  const open = () => new StreamableHTTPClientTransport(new URL(sidecar), { authProvider: application });
  const first = open();
  const client = () => new Client({ name: 'flows', version: '1.0.0' }, { versionNegotiation: { mode } });
  const refused = await client().connect(first).then(() => null, error => error);
  check(`the SDK (${mode}) is sent to the authorization server`, refused instanceof UnauthorizedError && application.came, String(refused));
  await first.finishAuth(application.came);
  const user = claims(application.kept.access_token);
  check('the user token is for this resource', user.aud === resource && user.sub === 'alice', user);
  const connected = client();
  await connected.connect(open());
  const listed = await connected.listTools();
  const result = await connected.callTool({ name: 'whoami', arguments: {} });
  check(`the SDK (${mode}) lists and calls with it`, listed.tools.length === 1 && !result.isError, result);
  check('no credentials reach the server', !/authorization|bearer|dpop/i.test(result.content[0].text), result);
  await connected.close();
  return application.kept.access_token;
}

const nothing = await call();
check('without a token there is a challenge with metadata', nothing.status === 401 && nothing.challenge?.includes('resource_metadata='), nothing);

const user = await sdk('legacy');
await sdk('auto');

const batch = await token('batch', { grant_type: 'client_credentials' });
check('a client has its own token', claims(batch).sub === 'batch', claims(batch));
check('it gets in on its own', good(await call(batch)), await call(batch));

const exchanged = await token('planner', {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: user,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
});
check('an exchanged token says who acts for whom', claims(exchanged).sub === 'alice' && claims(exchanged).act?.sub === 'planner', claims(exchanged));
check('it gets in', good(await call(exchanged)), await call(exchanged));

// What servers are shown of the sidecar: `whoami` says the headers that reached it.
const upstream = 'https://server.example/mcp';
const shown = async name => {
  const reply = await call(user, sidecar.replace(/mirror$/, name));
  const message = JSON.parse(reply.text.slice(reply.text.indexOf('{')));
  const { authorization } = JSON.parse(message.result?.content?.[0]?.text ?? '{}');
  return authorization ? claims(authorization.replace(/^Bearer /, '')) : reply;
};
const own = await shown('own');
check('a server is shown a token of our own', own.aud === upstream && own.client_id === 'cedarpost' && own.sub === 'cedarpost', own);
const behalf = await shown('behalf');
check('or one in exchange for the user token, which says who acts', behalf.aud === upstream && behalf.sub === 'alice' && behalf.act?.sub === 'cedarpost', behalf);

const elsewhere = await token('batch', { grant_type: 'client_credentials', resource: 'https://elsewhere.example' });
check('a token for another resource does not', (await call(elsewhere)).status === 401, claims(elsewhere));

// Keys change while everybody is at work, each call with a token of its own.
let [calls, refused, done] = [0, [], false];
const busy = Array.from({ length: 6 }, async () => {
  while (!done) {
    const reply = await call(await token('batch', { grant_type: 'client_credentials' }));
    calls += 1;
    if (!good(reply)) refused.push(reply);
  }
});
for (let rotation = 0; rotation < 4; rotation += 1) {
  await new Promise(resolve => setTimeout(resolve, 1500));
  await fetch(`${issuer}/test/rotate`, { method: 'POST' });
}
await new Promise(resolve => setTimeout(resolve, 1500));
done = true;
await Promise.all(busy);
check(`${calls} calls over four changes of keys, none refused`, calls > 50 && refused.length === 0, refused.slice(0, 3));

console.log(failed ? `${failed} failed` : 'all passed');
process.exit(failed ? 1 : 0);
