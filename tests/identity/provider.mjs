// A real authorization server (oidc-provider) for the tests: people log in and consent by themselves, clients register themselves, tokens are
// JWTs for the resource that was asked for, and an agent may exchange its user's token for one that says `act` (RFC 8693).
//
//   provider.mjs PORT RESOURCE
//
// POST /test/rotate replaces the signing key; the one before stays published, because its tokens are still out there.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, jwtVerify, createLocalJWKSet } from 'jose';
import Provider, { errors } from 'oidc-provider';

const [port, resource] = [Number(process.argv[2]), process.argv[3]];
const issuer = `http://127.0.0.1:${port}`;
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

const keys = [];
async function addKey() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  keys.unshift({ ...(await exportJWK(privateKey)), kid: `k${keys.length + 1}`, alg: 'ES256', use: 'sig' });
}
const published = () => createLocalJWKSet({ keys: keys.map(({ d: _, ...key }) => key) });

function make() {
  const confidential = { redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic' };
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      { ...confidential, client_id: 'batch', client_secret: 'batch-secret', grant_types: ['client_credentials'] },
      { ...confidential, client_id: 'planner', client_secret: 'planner-secret', grant_types: [EXCHANGE] },
      { ...confidential, client_id: 'cedarpost', client_secret: 'cedarpost-secret', grant_types: ['client_credentials', EXCHANGE] },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    scopes: ['openid', 'offline_access', 'mcp'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, audience) => ({
          scope: 'mcp', audience, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    extraTokenClaims: ctx => (ctx.oidc.params?.grant_type === EXCHANGE ? { act: { sub: ctx.oidc.client.clientId } } : {}),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
    ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 300, ClientCredentials: 300, AuthorizationCode: 60 },
  });
  provider.on('server_error', (_, error) => console.error(error));
  provider.registerGrantType(EXCHANGE, exchange, ['subject_token', 'subject_token_type', 'resource', 'scope'], ['resource']);
  return provider;
}

// The subject's token for one in which the client that asks is the actor.
async function exchange(ctx) {
  const { AccessToken } = ctx.oidc.provider;
  const { payload } = await jwtVerify(ctx.oidc.params.subject_token, published(), { issuer }).catch(() => {
    throw new errors.InvalidGrant('subject_token is not ours');
  });
  const grant = new ctx.oidc.provider.Grant({ accountId: payload.sub, clientId: ctx.oidc.client.clientId });
  const audience = [ctx.oidc.params.resource ?? resource].flat()[0];
  grant.addResourceScope(audience, 'mcp');
  const token = new AccessToken({
    accountId: payload.sub, client: ctx.oidc.client, grantId: await grant.save(), scope: 'mcp', gty: 'token_exchange',
  });
  token.resourceServer = new ctx.oidc.provider.ResourceServer(audience, {
    scope: 'mcp', audience, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
  });
  ctx.body = {
    access_token: await token.save(), issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: 300, scope: 'mcp',
  };
}

// Alice logs in and agrees to everything.
async function interact(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  for (const [indicator, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(indicator, scopes.join(' '));
  }
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

await addKey();
let provider = make();
createServer(async (request, response) => {
  try {
    if (request.url === '/test/rotate') {
      await addKey();
      provider = make();
      response.end('rotated');
    } else if (request.url.startsWith('/interaction/')) {
      await interact(provider, request, response);
    } else {
      provider.callback()(request, response);
    }
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
}).listen(port, '127.0.0.1', () => console.log(`the provider listens on ${issuer}`));
