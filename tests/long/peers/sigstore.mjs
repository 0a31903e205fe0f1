// Checks a checkpoint and the inclusion proofs claimed under it with sigstore, by its public API.
//
//   node sigstore.mjs DIRECTORY CLAIMS SCRATCH
//
// What sigstore wants around an entry is made here: the trusted root, from a TUF repository of its
// own, and a signed time, from a second log that stands for Rekor's clock. The entry, its proof,
// the checkpoint and the key that it is checked with are ours.
//
// Prints "verified" where all of sigstore's checks pass, "included" where it took the checkpoint
// and the inclusion proof and stopped at the step after, which reads the entry as a record of
// Rekor. Exit code 0 for both; 10: rejected; else it did not run as it should.

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { authority, claimsOf, logEntry, require, trustedRoot } from './sigstore_log.mjs';

const { createVerifier, VerificationError } = require('sigstore');
const { json } = require('@sigstore/core');
const { canonicalize } = require('@tufjs/canonical-json');

const REPOSITORY = 'tuf.invalid';
const CLOCK = 'clock.invalid';
const TIME = 1767225600; // 2026-01-01, in seconds

const raw = (publicKey) => publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);

// A TUF repository, where sigstore caches it, whose one target is this trusted root.
function publish(root, cache) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const place = `${cache}/${REPOSITORY}`;
  mkdirSync(`${place}/targets`, { recursive: true });
  const target = JSON.stringify(root);
  writeFileSync(`${place}/targets/trusted_root.json`, target);
  const sha256 = createHash('sha256').update(target).digest('hex');
  const role = { keyids: ['key'], threshold: 1 };
  const key = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw(publicKey).toString('hex') } };
  const metadata = {
    root: {
      consistent_snapshot: false,
      keys: { key },
      roles: { root: role, timestamp: role, snapshot: role, targets: role },
    },
    timestamp: { meta: { 'snapshot.json': { version: 1 } } },
    snapshot: { meta: { 'targets.json': { version: 1 } } },
    targets: { targets: { 'trusted_root.json': { length: target.length, hashes: { sha256 } } } },
  };
  for (const [name, fields] of Object.entries(metadata)) {
    const signed = {
      _type: name, spec_version: '1.0', version: 1, expires: '9999-01-01T00:00:00Z', ...fields,
    };
    const sig = sign(null, Buffer.from(canonicalize(signed)), privateKey).toString('hex');
    const text = JSON.stringify({ signed, signatures: [{ keyid: 'key', sig }] });
    writeFileSync(`${place}/${name}.json`, text);
  }
  return `${place}/root.json`;
}

// The time that sigstore asks for, as Rekor promises it: signed over the entry by the clock's key.
function withTime(entry, clock) {
  const keyId = clock.authority.logId.keyId;
  const promised = {
    body: entry.canonicalizedBody,
    integratedTime: TIME,
    logIndex: Number(entry.logIndex),
    logID: Buffer.from(keyId, 'base64').toString('hex'),
  };
  const signature = sign(null, Buffer.from(json.canonicalize(promised)), clock.privateKey);
  return {
    ...entry,
    logId: { keyId },
    integratedTime: String(TIME),
    inclusionPromise: { signedEntryTimestamp: signature.toString('base64') },
  };
}

function bundle(tlogEntry, artifact) {
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'key' }, tlogEntries: [tlogEntry] },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: artifact.digest },
      signature: artifact.signature,
    },
  };
}

// "verified" or "included", as above; raises sigstore's VerificationError.
function verify(verifier, signed, content) {
  try {
    verifier.verify(signed, content);
    return 'verified';
  } catch (error) {
    if (error instanceof SyntaxError && /\bverifyTLogBody\b/.test(error.stack)) return 'included';
    throw error;
  }
}

const [directory, claimsFile, scratch] = process.argv.slice(2);
const checkpoint = readFileSync(`${directory}/checkpoint`, 'utf8');
const claims = claimsOf(claimsFile);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const clock = { privateKey, authority: authority(CLOCK, raw(publicKey)) };
const verifier = await createVerifier({
  tufMirrorURL: `https://${REPOSITORY}`,
  tufRootPath: publish(trustedRoot(claims.key, [clock.authority]), scratch),
  tufCachePath: scratch,
  tufForceCache: true, // nothing is fetched
  keySelector: () => claims.artifact.public_key,
});
const content = Buffer.from(claims.artifact.content, 'hex');

try {
  const said = claims.inclusion.map((claim) =>
    verify(verifier, bundle(withTime(logEntry(claim, checkpoint), clock), claims.artifact), content),
  );
  console.log([...new Set(said)].join(' and '));
} catch (error) {
  if (!(error instanceof VerificationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
  process.exit(10);
}
