// An authorization server on loopback for tests: a refresh replaces the refresh token, and the use of an old one ends the grant.
// It prints its address when it is ready. POST /test/grants creates a grant, as a consent would. GET /test/tokens shows what a
// token of the grant client_credentials is for. Tokens are in memory.
import { createServer } from 'node:http';
import { Provider, errors } from 'oidc-provider';

// The credential is a secret, or a JSON Web Key Set for private_key_jwt. The API is what a resource indicator (RFC 8707) can name.
const [clientId, credential, authMethod, api] = process.argv.slice(2);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address, {
    clients: [{
      client_id: clientId,
      ...(authMethod === 'private_key_jwt' ? { jwks: JSON.parse(credential) } : { client_secret: credential }),
      token_endpoint_auth_method: authMethod,
      grant_types: ['authorization_code', 'client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      redirect_uris: ['http://127.0.0.1/'],
      application_type: 'native',
    }],
    cookies: { keys: ['only-for-tests'] },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          if (resource !== api) {
            throw new errors.InvalidTarget();
          }

          return { audience: resource, scope: 'mail' };
        },
      },
      revocation: { enabled: true },
    },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }) }),
    rotateRefreshToken: true,
    scopes: ['openid', 'email', 'offline_access', 'mail'],
    ttl: { AccessToken: 600, ClientCredentials: 600, RefreshToken: 30 * 86400, Grant: 30 * 86400 },
  });

  // A grant that someone consented to earlier.
  provider.use(async (context, next) => {
    if (context.method !== 'POST' || context.path !== '/test/grants') {
      await next();
      return;
    }

    const accountId = context.query.account;
    const scope = 'openid offline_access mail';
    const client = await provider.Client.find(clientId);
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope(scope);
    const grantId = await grant.save();
    const token = new provider.RefreshToken({ accountId, client, grantId, gty: 'authorization_code', scope, authTime: Math.floor(Date.now() / 1000) });
    context.body = { refresh_token: await token.save() };
  });

  provider.use(async (context, next) => {
    if (context.path !== '/test/tokens') {
      await next();
      return;
    }

    const token = await provider.ClientCredentials.find(context.query.token);
    context.body = { audience: token?.aud, scope: token?.scope };
  });

  server.on('request', provider.callback());
  console.log(address);
});
