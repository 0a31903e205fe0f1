// Checks a checkpoint and the inclusion proofs claimed under it with @sigstore/verify.
//
//   node sigstore_verify.mjs DIRECTORY CLAIMS
//
// Its Verifier goes on to read a log's entry as a record of Rekor, which a digest is not; so this
// calls the step before, as it is in the package: verifyTLogInclusion, which is verifyCheckpoint
// and verifyMerkleInclusion. Exit code 0: holds; 10: rejected; else it did not run as it should.

import { readFileSync } from 'node:fs';

import { claimsOf, logEntry, require, trustedRoot } from './sigstore_log.mjs';

const { toTrustMaterial, VerificationError } = require('@sigstore/verify');
const { verifyTLogInclusion } = require('@sigstore/verify/dist/tlog/index.js');
const { TransparencyLogEntry, TrustedRoot } = require('@sigstore/protobuf-specs');

const [directory, claimsFile] = process.argv.slice(2);
const checkpoint = readFileSync(`${directory}/checkpoint`, 'utf8');
const claims = claimsOf(claimsFile);
const { tlogs } = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot(claims.key)));

try {
  for (const claim of claims.inclusion) {
    verifyTLogInclusion(TransparencyLogEntry.fromJSON(logEntry(claim, checkpoint)), tlogs);
  }
} catch (error) {
  if (!(error instanceof VerificationError)) throw error;
  console.log(`${error.code}: ${error.message}`);
  process.exit(10);
}
console.log('holds');
