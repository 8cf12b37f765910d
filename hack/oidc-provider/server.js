// An authorization server on loopback for tests: a refresh replaces the refresh token, and the use of an old one ends the grant.
// It prints its address when it is ready. POST /test/grants creates a grant, as a
// consent would. Tokens are in memory.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [clientId, clientSecret, authMethod] = process.argv.slice(2);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(address, {
    clients: [{
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: authMethod,
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      redirect_uris: ['http://127.0.0.1/'],
      application_type: 'native',
    }],
    cookies: { keys: ['only-for-tests'] },
    features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }) }),
    rotateRefreshToken: true,
    scopes: ['openid', 'email', 'offline_access', 'mail'],
    ttl: { AccessToken: 600, RefreshToken: 30 * 86400, Grant: 30 * 86400 },
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

  server.on('request', provider.callback());
  console.log(address);
});
