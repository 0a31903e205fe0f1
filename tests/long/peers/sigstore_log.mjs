// Our log in the words of Sigstore: what it trusts, and an entry with its inclusion proof.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The packages are beside the project, not beside these files.
export const require = createRequire(new URL('../../../.peers/', import.meta.url));

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex'); // RFC 8410, then the key

const b64 = (bytes) => Buffer.from(bytes).toString('base64');

export function claimsOf(file) {
  const claims = JSON.parse(readFileSync(file, 'utf8'));
  if (claims.inclusion.length === 0) throw new Error('nothing to check');
  return claims;
}

// The key's id in a note is, by signed-note, the head of this hash; Sigstore takes a log's id so.
function logId(name, typed) {
  return createHash('sha256').update(name).update('\n').update(typed).digest();
}

export function authority(name, publicKey) {
  const typed = Buffer.concat([Buffer.from([1]), publicKey]);
  return {
    baseUrl: `https://${name}`,
    hashAlgorithm: 'SHA2_256',
    logId: { keyId: b64(logId(name, typed)) },
    publicKey: {
      rawBytes: b64(Buffer.concat([ED25519_SPKI, publicKey])),
      keyDetails: 'PKIX_ED25519',
      validFor: { start: '2020-01-01T00:00:00Z' },
    },
  };
}

// What Sigstore's trusted_root.json would hold with the verifier key of our log in it.
export function trustedRoot(verifierKey, others = []) {
  const [name, , typed] = verifierKey.split(/\+([0-9a-f]{8})\+/);
  const key = Buffer.from(typed, 'base64').subarray(1);
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [authority(name, key), ...others],
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  };
}

export function logEntry({ index, entry, hashes }, checkpoint) {
  const [, size, root] = checkpoint.split('\n');
  return {
    logIndex: String(index),
    kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
    inclusionProof: {
      logIndex: String(index),
      treeSize: size,
      rootHash: root,
      hashes,
      checkpoint: { envelope: checkpoint },
    },
    canonicalizedBody: b64(Buffer.from(entry, 'hex')),
  };
}
