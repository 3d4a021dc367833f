// Package signature signs and verifies HTTP messages between servers, and reads
// and writes the keys and digests that this takes.
//
// # What is here
//
// HTTP signatures as in draft-cavage-http-signatures-12, the form that every
// server of the fediverse speaks. Both labels, rsa-sha256 and hs2019, mean RSA
// PKCS#1 v1.5 with SHA-256, whatever the draft says of hs2019: that is what
// Mastodon, Misskey, GoToSocial and Fedify send under either name. Ed25519 keys
// are verified too.
//
// HTTP message signatures (RFC 9421) with RSA PKCS#1 v1.5 and Ed25519 keys and
// Content-Digest (RFC 9530), which Fedify tries first and Mastodon ≥ 4.5 accepts.
// [Parse] reads whichever of the two a request bears; [Signer.SignAs] makes either.
//
// Signatures without the host, which one RSA operation makes for many servers
// ([Signer.SignShared]), are made and never accepted.
//
// Signatures that stand in a document are in packages below: linkeddata
// (RsaSignature2017) and proof (FEP-8b32).
//
// # What is not here
//
// No network and no cache: who fetches a key, and whether it belongs to the
// actor, is ingest/remote's business. No memory of signatures already seen:
// [Signature.Hash] and [Signature.Expires] are what the replay table stores. No
// choice of a form: which one a server accepts is found out by who sends, with the
// help of [Preferences].
//
// The host that a request was sent to is r.Host, and a signature binds the
// request to it. It does not say that this host is us: a caller that can be
// reached under several names must refuse the ones that are not its own, or a
// request signed for somebody else and sent on to us would pass.
//
// # Invariants
//
//   - What is not signed decides nothing: (request-target), host, date or
//     (created), and on requests with a body digest, must be in the signature;
//     of RFC 9421 @method, @target-uri (or @authority with path and query), created
//     and content-digest.
//   - One reading: a doubled parameter, a doubled signed header that decides
//     something, a header that is listed twice, or two signatures of RFC 9421 are
//     refused, never resolved.
//   - The algorithm comes from the key; the label may only agree with it.
//   - No input grows memory: header, keyId, list and signature are bounded.
//   - At most `parallel` RSA operations of a [Signer] run at once here. One hundred
//     goroutines that sign make a 1 ms timer 19 ms late on two cores.
//   - A [Remote], another process that makes the RSA operations for less (ingest/signer), is never needed: what
//     it does not answer within its bound is made here.
//
// # Use of go-fed/httpsig
//
// The library builds the string that was signed, and does the cryptography, when we verify. It is never given a
// stranger's request, because it takes the last of two
// equal parameters, ignores the algorithm, splits at commas inside quotes, writes
// the decoded path where other servers write the path as it was sent, and reads
// the query into (request-target) while Fedify leaves it out. So cavage.go reads
// the header itself, checks it, and hands the library a small request that holds
// just what was signed, in one spelling. We sign without it, as it takes no key but a *rsa.PrivateKey;
// what we write is byte for byte what it would (TestSigningString) but for the label, rsa-sha256 and not hs2019, for
// Misskey before 12.111, Pleroma and Akkoma.
// Its clock allows (created) to be 10 s ahead and (expires) to be 10 s past, which is
// stricter than our window for Date; we keep that bound.
//
// # Files
//
//	cavage.go         Parse; the Signature header of draft-cavage
//	verify.go         Check and Verify: coverage, window, digest, key
//	digest.go         the Digest header
//	message.go        the same for RFC 9421
//	contentdigest.go  the Content-Digest header
//	signer.go         Signer: SignPost, SignGet
//	form.go           SignAs: the forms in which we sign
//	shared.go         Shared: one signature for many servers
//	preferences.go    which one a host accepts
//	multibase.go      Multikeys
//	key.go            keys and their PEM forms
//	errors.go         sentinels and Reason
//	metrics.go        waiting signers, and by whom signatures were made
package signature
