// Package proof verifies object integrity proofs (FEP-8b32) of the cryptosuite
// eddsa-jcs-2022: Ed25519 signatures over the canonical JSON (RFC 8785) of a
// document, which stand in it and travel with it. Fedify and Mitra make them.
//
// What is signed is the JSON itself, all of it but the members proof and signature
// (an LD signature is made over the proof). So what is read as plain JSON is what was
// signed, and nothing has to be taken apart; it must only be read in one way (package
// document). The proof's own members are signed too.
//
// # What it does not do
//
// It knows neither who the key belongs to nor how late it is: [Document.KeyID],
// Created and Expires are for the caller. It reads one proof, and in no other suite.
package proof
