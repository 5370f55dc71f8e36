// node service.mjs FOLDER: an S3 service on a loopback port, whose URL it prints; for tests/storage/blob.
//
// s3rver keeps the objects. In front of it this proxy does what s3rver does not: it holds each request's signature against AWS Signature
// Version 4 as the specification has it, its body against the hash that was signed, knows multipart uploads that are given up, lists in the
// order of bytes, and fails in the ways that a test asks for by a word in the key (see `faults`).
//   GET /-/uploads   how many multipart uploads are open     GET /-/log   requests so far, one a line
import { createHash, createHmac } from 'node:crypto';
import { createServer, request as forward } from 'node:http';
import { createRequire } from 'node:module';
import { URL } from 'node:url';

const require = createRequire(new URL('../../../e2e/package.json', import.meta.url));
const S3rver = require('s3rver');

const ACCESS_KEY = 'S3RVER';
const SECRET_KEY = 'S3RVER';
const BUCKET = 'belfry';

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

// The specification's steps: canonical request, string to sign, signing key.
function signatureOf(req, url, body, parts) {
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join('&');
  const headers = parts.signed.map((name) => `${name}:${req.headers[name].trim().replace(/ +/g, ' ')}\n`).join('');
  const path = decodeURIComponent(url.pathname).split('/').map(encode).join('/');
  const hash = req.headers['x-amz-content-sha256'];
  const canonical = [req.method, path, query, headers, parts.signed.join(';'), hash].join('\n');
  const scope = `${parts.date}/${parts.region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', req.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = hmac(hmac(hmac(hmac('AWS4' + SECRET_KEY, parts.date), parts.region), 's3'), 'aws4_request');
  return createHmac('sha256', key).update(text).digest('hex');
}

function refusal(req, url, body) {
  const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    req.headers.authorization ?? '',
  );
  if (!match) return 'AccessDenied';
  const [, accessKey, date, region, signed, signature] = match;
  const parts = { date, region, signed: signed.split(';') };
  if (accessKey !== ACCESS_KEY) return 'InvalidAccessKeyId';
  if (!parts.signed.includes('host') || !parts.signed.includes('x-amz-content-sha256')) return 'AccessDenied';
  if (signatureOf(req, url, body, parts) !== signature) return 'SignatureDoesNotMatch';
  if (req.headers['x-amz-content-sha256'] !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  return null;
}

const log = [];
const uploads = new Set();

function fail(res, code, name, head = false) {
  const text = `<?xml version="1.0"?><Error><Code>${name}</Code><Message>made to fail</Message></Error>`;
  res.writeHead(code, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(text) });
  res.end(head ? undefined : text);
}

// What a key asks for. True: it has been answered.
const faults = {
  'fault-busy': (req, url, res) => (fail(res, 503, 'SlowDown', req.method === 'HEAD'), true),
  'fault-quota': (req, url, res) => (fail(res, 403, 'QuotaExceeded'), true),
  'fault-hangup': (req, url, res) => (res.destroy(), true),
  'fault-part': (req, url, res) => url.searchParams.get('partNumber') === '2' && (fail(res, 500, 'InternalError'), true),
  'fault-complete': (req, url, res) =>
    req.method === 'POST' && url.searchParams.has('uploadId') && (fail(res, 200, 'InternalError'), true),
  'fault-noid': (req, url, res) => url.searchParams.has('uploads') && (res.end('<Other/>'), true),
  'fault-doctype': (req, url, res) =>
    url.searchParams.has('uploads') &&
    (res.end(
      '<!DOCTYPE x [<!ENTITY a "b">]><InitiateMultipartUploadResult><UploadId>&a;</UploadId></InitiateMultipartUploadResult>',
    ),
    true),
  'fault-norange': (req, url, res) => req.method === 'GET' && (delete req.headers.range, false),
  'fault-cut': (req, url, res) =>
    req.method === 'GET' && (res.writeHead(200, { 'Content-Length': 1000 }), res.write('cut'), setImmediate(() => res.destroy()), true),
};

function note(req, url, code, text) {
  if (req.method === 'POST' && url.searchParams.has('uploads')) {
    const id = /<UploadId>([^<]*)/.exec(text)?.[1];
    if (id) uploads.add(id);
  } else if (req.method === 'POST' && url.searchParams.has('uploadId') && code === 200) {
    uploads.delete(url.searchParams.get('uploadId'));
  }
}

function answer(req, url, body, res, port) {
  const word = Object.keys(faults).find((name) => url.pathname.includes(name));
  const why = refusal(req, url, body);
  log.push(`${req.method} ${req.url} ${why ?? ''}`);
  if (why) return fail(res, 403, why, req.method === 'HEAD');
  if (word && faults[word](req, url, res)) return undefined;
  if (req.method === 'DELETE' && url.searchParams.has('uploadId')) {
    const known = uploads.delete(url.searchParams.get('uploadId'));
    return known ? res.writeHead(204).end() : fail(res, 404, 'NoSuchUpload');
  }
  if (url.pathname === `/${BUCKET}/` && req.method === 'GET') return list(url, res, port);
  return pass(req, url, body, res, port);
}

function pass(req, url, body, res, port) {
  const options = { port, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers };
  delete options.headers.expect; // answered already
  const onward = forward(options, (from) => {
    const chunks = [];
    res.writeHead(from.statusCode, from.headers);
    from.on('data', (chunk) => {
      if (req.method === 'POST') chunks.push(chunk);
      if (!res.write(chunk)) from.pause();
    });
    res.on('drain', () => from.resume());
    from.on('end', () => {
      note(req, url, from.statusCode, Buffer.concat(chunks).toString());
      res.end();
    });
  });
  onward.on('error', (error) => (console.error(error), res.destroy()));
  res.on('close', () => onward.destroy());
  onward.end(body);
}

// s3rver lists folder by folder.
async function list(url, res, port) {
  const all = await (await fetch(`http://127.0.0.1:${port}/${BUCKET}?list-type=2&prefix=${encode(url.searchParams.get('prefix') ?? '')}`)).text();
  const keyOf = (entry) => /<Key>([^<]*)/.exec(entry)[1];
  const entries = [...all.matchAll(/<Contents>.*?<\/Contents>/gs)]
    .map(([entry]) => entry)
    .filter((entry) => keyOf(entry) > (url.searchParams.get('start-after') ?? ''))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const page = entries.slice(0, Number(url.searchParams.get('max-keys') ?? 1000));
  res.writeHead(200, { 'Content-Type': 'application/xml' });
  res.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<IsTruncated>${page.length < entries.length}</IsTruncated>${page.join('')}</ListBucketResult>`,
  );
}

const store = new S3rver({
  address: '127.0.0.1',
  port: 0,
  directory: process.argv[2],
  silent: true,
  vhostBuckets: false,
  configureBuckets: [{ name: BUCKET, configs: [] }],
});
const { port } = await store.run();

const server = createServer((req, res) => {
  const chunks = [];
  const url = new URL(req.url, 'http://127.0.0.1');
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    if (url.pathname === '/-/uploads') return res.end(String(uploads.size));
    if (url.pathname === '/-/log') return res.end(log.join('\n'));
    return answer(req, url, Buffer.concat(chunks), res, port);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdout.on('error', () => {});
