// A published OpenID Connect provider (`oidc-provider`), unmodified, with one invented nurse. Prints its issuer; ends when
// standard input does. `POST /client?back=…` says where its client is, `POST /rotate` gives it new keys, `POST /short` lets
// id tokens end after a second. As OpenID Connect has it, name and role are told at the userinfo endpoint, not in the id token.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { Provider } from "oidc-provider";

let short = false;
let current;
let back = "http://127.0.0.1/";
const server = createServer((request, answer) => {
  if (request.method === "POST" && request.url === "/rotate") {
    current = make();
    return answer.writeHead(204).end();
  }
  if (request.method === "POST" && request.url.startsWith("/client?back=")) {
    back = decodeURIComponent(request.url.split("=")[1]);
    current = make();
    return answer.writeHead(204).end();
  }
  if (request.method === "POST" && request.url === "/short") {
    short = true;
    return answer.writeHead(204).end();
  }
  return current.callback()(request, answer);
});

function make() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: randomUUID() };
  return new Provider(issuer, {
    clients: [{
      client_id: "causeway",
      token_endpoint_auth_method: "none",
      redirect_uris: [back],
      id_token_signed_response_alg: "ES256",
      // Addresses of this machine, without TLS.
      application_type: "native",
    }],
    jwks: { keys: [key] },
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub"], profile: ["name", "nationalrbacaccess"] },
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    ttl: { IdToken: () => (short ? 1 : 300), AccessToken: 300, Interaction: 600, Session: 3600, Grant: 3600 },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({
        sub,
        name: "Ada Fern",
        nationalrbacaccess: {
          nrbac_roles: [{ org_code: "ZZ901", role_code: "S8000:G8000:R8001", activity_codes: ["B0107"] }],
        },
      }),
    }),
  });
}

let issuer;
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  current = make();
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
