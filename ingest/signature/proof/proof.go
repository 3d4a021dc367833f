package proof

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/gowebpki/jcs"

	"tributary/ingest/signature"
	"tributary/ingest/signature/document"
)

const (
	proofType = "DataIntegrityProof"
	suite     = "eddsa-jcs-2022"
	purpose   = "assertionMethod"

	maxKeyIDBytes = 2048
)

// Document is a document that bears a proof.
type Document struct {
	// KeyID is the URI of the key that is claimed to have signed
	// (verificationMethod); it stands in its actor's assertionMethod.
	KeyID string
	// Created and Expires bound the time of the proof, as it claims; Expires is
	// zero when there is no end.
	Created, Expires time.Time

	value  []byte
	signed []byte // what the signature is of: two SHA-256
}

// Parse reads a document and its proof, and hashes both. Errors:
// signature.ErrMissing when there is no proof, ErrUnsupported for one of another
// suite, ErrMalformed.
func Parse(raw []byte) (*Document, error) {
	body, err := document.Read(raw)
	if err != nil {
		return nil, malformed("%v", err)
	}
	options, ok := body["proof"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: no proof", signature.ErrMissing)
	}
	d := &Document{}
	if err := d.readOptions(options); err != nil {
		return nil, err
	}
	// eddsa-jcs-2022 §3.3.2: the proof may repeat the document's context, then both
	// must say the same (there: the document may add to it; nobody does).
	if context, ok := options["@context"]; ok && !reflect.DeepEqual(context, body["@context"]) {
		return nil, malformed("the proof has another context than the document")
	}
	delete(options, "proofValue")
	delete(body, "proof")
	delete(body, "signature")
	d.signed, err = digests(options, body)
	return d, err
}

// digests is what the signature is of (eddsa-jcs-2022 §3.3.4).
func digests(options, body map[string]any) ([]byte, error) {
	var signed []byte
	for _, part := range []map[string]any{options, body} {
		sum, err := hash(part)
		if err != nil {
			return nil, err
		}
		signed = append(signed, sum...)
	}
	return signed, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: proof: "+format, append([]any{signature.ErrMalformed}, args...)...)
}

func (d *Document) readOptions(options map[string]any) error {
	text := func(name string) string { s, _ := options[name].(string); return s }
	if text("type") != proofType || text("cryptosuite") != suite {
		return fmt.Errorf("%w: proof of type %.32q, suite %.32q", signature.ErrUnsupported, text("type"), text("cryptosuite"))
	}
	if text("proofPurpose") != purpose {
		return malformed("made for %.32q", text("proofPurpose"))
	}
	d.KeyID = text("verificationMethod")
	if d.KeyID == "" || len(d.KeyID) > maxKeyIDBytes {
		return malformed("verificationMethod of %d bytes", len(d.KeyID))
	}
	var err error
	if d.Created, err = time.Parse(time.RFC3339, text("created")); err != nil {
		return malformed("created is not a date")
	}
	if _, ok := options["expires"]; ok {
		if d.Expires, err = time.Parse(time.RFC3339, text("expires")); err != nil {
			return malformed("expires is not a date")
		}
	}
	if d.value, err = signature.DecodeMultibase(text("proofValue")); err != nil || len(d.value) != ed25519.SignatureSize {
		return malformed("proofValue is not a signature")
	}
	return nil
}

// hash is the SHA-256 of the canonical form.
func hash(part map[string]any) ([]byte, error) {
	text, err := json.Marshal(part)
	if err == nil {
		text, err = jcs.Transform(text)
	}
	if err != nil {
		return nil, malformed("%v", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

// Verify reports whether key signed the document: signature.ErrInvalid, or
// ErrAlgorithm for a key that is not Ed25519.
func (d *Document) Verify(key crypto.PublicKey) error {
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%w: %s with a key of type %T", signature.ErrAlgorithm, suite, key)
	}
	if !ed25519.Verify(public, d.signed, d.value) {
		return fmt.Errorf("%w: %s", signature.ErrInvalid, suite)
	}
	return nil
}
