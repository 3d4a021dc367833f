package proof

import (
	"crypto/ed25519"
	"encoding/json"
	"time"

	"tributary/ingest/signature"
	"tributary/ingest/signature/document"
)

// Sign returns the document with a proof by the key whose URI is keyID. Only fakes
// of other servers sign so far.
func Sign(raw []byte, keyID string, key ed25519.PrivateKey, created time.Time) ([]byte, error) {
	body, err := document.Read(raw)
	if err != nil {
		return nil, malformed("%v", err)
	}
	delete(body, "proof")
	delete(body, "signature")
	options := map[string]any{
		"type": proofType, "cryptosuite": suite, "proofPurpose": purpose,
		"verificationMethod": keyID, "created": created.UTC().Format(time.RFC3339),
	}
	if context, ok := body["@context"]; ok {
		options["@context"] = context
	}
	signed, err := digests(options, body)
	if err != nil {
		return nil, err
	}
	options["proofValue"] = signature.EncodeMultibase(ed25519.Sign(key, signed))
	body["proof"] = options
	return json.Marshal(body)
}
