package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"time"
)

// signPost signs a POST as Mastodon does (draft-cavage-http-signatures-12). It is
// not the product's own code, which is measured.
func signPost(r *http.Request, key *rsa.PrivateKey, keyID string, body []byte) error {
	sum := sha256.Sum256(body)
	date := time.Now().UTC().Format(http.TimeFormat)
	digest := "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
	signed := sha256.Sum256(fmt.Appendf(nil, "(request-target): post %s\nhost: %s\ndate: %s\ndigest: %s\ncontent-type: %s",
		r.URL.Path, r.URL.Host, date, digest, activityType))
	value, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, signed[:])
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", activityType)
	r.Header.Set("Date", date)
	r.Header.Set("Digest", digest)
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="(request-target) host date digest content-type",signature="%s"`,
		keyID, base64.StdEncoding.EncodeToString(value)))
	return nil
}

// publicPEM is a public key as actors show it.
func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}
