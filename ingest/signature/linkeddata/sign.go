package linkeddata

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"tributary/ingest/signature"
	"tributary/ingest/signature/document"
)

// Sign returns the document with an LD signature by the key whose URI is keyID. It
// refuses what Parse and Verify would. Only fakes of other servers sign so far; nothing
// here bounds how many RSA operations run at once (signature.Signer does).
func Sign(raw []byte, keyID string, key *rsa.PrivateKey, created time.Time) ([]byte, error) {
	body, err := document.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: linked data: %w", signature.ErrMalformed, err)
	}
	delete(body, "signature")
	sig := map[string]any{
		"type": signatureType, "creator": keyID, "created": created.UTC().Format(time.RFC3339), "signatureValue": "AAAA",
	}
	d := &Document{body: maps.Clone(body)}
	if err := d.readSignature(sig); err != nil {
		return nil, err
	}
	if err := checkShape(body); err != nil {
		return nil, err
	}
	if err := d.canonicalise(); err != nil {
		return nil, err
	}
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, d.digests[0])
	if err != nil {
		return nil, fmt.Errorf("linkeddata: signing: %w", err)
	}
	sig["signatureValue"] = base64.StdEncoding.EncodeToString(value)
	body["signature"] = sig
	return json.Marshal(body)
}
