// node jwks.mjs JWKS TOKEN ISSUER AUDIENCE: verifies a token as other programs do; prints its claims.
import { readFile } from "node:fs/promises";
import { createLocalJWKSet, jwtVerify } from "jose";

const [, , file, token, issuer, audience] = process.argv;
const keys = createLocalJWKSet(JSON.parse(await readFile(file, "utf8")));
const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ: "at+jwt", algorithms: ["ES256"] });
console.log(JSON.stringify({ ...payload, kid: protectedHeader.kid }));
