// An OpenID provider: the package oidc-provider, with a path for each issuer as Keycloak has it. `__main__.py` says in PROVIDER,
// as JSON, what it serves. A realm with a prefix does as Entra ID: scopes are asked for with it, and are in `scp` without it.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { port, keys, realms, scopes, claims, clients, documents, lifetimes } = JSON.parse(process.env.PROVIDER);

const configuration = (prefix) => ({
  jwks: { keys },
  clients,
  scopes: ['openid', 'offline_access', ...scopes],
  findAccount: (_, id) => (id in claims ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
  extraTokenClaims: (_, token) => claims[token.accountId ?? token.clientId],
  fetch: (url) => (url in documents ? Response.json(documents[url]) : Response.error()),
  pkce: { required: () => true },
  formats: {
    customizers: {
      jwt(_, token, { payload }) {
        if (prefix) {
          payload.scp = payload.scope.replaceAll(prefix, '');
          delete payload.scope;
        }
      },
    },
  },
  features: {
    devInteractions: { enabled: true }, // its own pages to sign in and to consent
    clientCredentials: { enabled: true },
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource, client) => ({
        audience: resource,
        scope: scopes.map((scope) => prefix + scope).join(' '),
        accessTokenFormat: 'jwt',
        accessTokenTTL: lifetimes[client.clientId] ?? 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
      useGrantedResource: () => true,
    },
  },
});

const served = new Map(
  Object.entries(realms).map(([name, prefix]) => [
    name,
    new Provider(`http://localhost:${port}/realms/${name}`, configuration(prefix)).callback(),
  ]),
);

createServer((request, response) => {
  const [path, name] = /^\/realms\/(\w+)/.exec(request.url) ?? [];
  if (!served.has(name)) return response.writeHead(404).end();
  request.originalUrl = request.url;
  request.url = request.url.slice(path.length) || '/';
  return served.get(name)(request, response);
}).listen(port, '127.0.0.1', () => console.log('ready'));
