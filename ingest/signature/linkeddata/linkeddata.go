package linkeddata

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/piprate/json-gold/ld"

	"tributary/ingest/signature"
	"tributary/ingest/signature/document"
)

// signatureType is the one that servers of the fediverse use.
const signatureType = "RsaSignature2017"

const maxSignatureBytes = 1024 // RSA-8192

// Document is a document that bears an LD signature. It may be used by one
// goroutine at a time.
type Document struct {
	// KeyID is the URI of the key that is claimed to have signed.
	KeyID string
	// Created is when it is claimed to have been signed.
	Created time.Time

	options   string         // the signature's own statements, as canonical N-Quads
	value     []byte         // the signature
	body      map[string]any // the document without the signature
	digests   [][]byte       // of what was signed, in the ways in which it can be written; nil until known
	statement []byte
}

// Parse reads a document and its signature, and refuses the shapes that could be
// read in two ways. It expands and hashes nothing: that is Verify's, so that the
// key can be sought first. Errors: signature.ErrMissing when there is no
// RsaSignature2017, ErrUnsupported for a context that is not bundled, ErrMalformed.
func Parse(raw []byte) (*Document, error) {
	body, err := document.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: linked data: %w", signature.ErrMalformed, err)
	}
	sig, ok := body["signature"].(map[string]any)
	if !ok || plainType(sig["type"]) != signatureType {
		return nil, fmt.Errorf("%w: no %s", signature.ErrMissing, signatureType)
	}
	d := &Document{body: body}
	if err := d.readSignature(sig); err != nil {
		return nil, err
	}
	delete(body, "signature")
	return d, checkShape(body)
}

// plainType is a type without its vocabulary (Friendica has written it in full).
func plainType(v any) string {
	text, _ := v.(string)
	return text[strings.LastIndexAny(text, "#:")+1:]
}

var (
	dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)
	token    = regexp.MustCompile(`^[A-Za-z0-9._:/=+-]{0,256}$`)
)

// readSignature reads the signature's members. They are signed too, as JSON-LD
// under the context https://w3id.org/identity/v1; what comes of that is written
// down at once, as the few members that occur leave no choice.
func (d *Document) readSignature(sig map[string]any) error {
	text := func(name string) string { s, _ := sig[name].(string); return s }
	for name, v := range sig {
		switch name {
		case "type", "id", "signatureValue", "creator", "created", "nonce", "domain":
			if _, ok := v.(string); !ok {
				return refused("signature: %s is not text", name)
			}
		case "@context": // replaced
		default:
			return refused("signature: member %.32q", name)
		}
	}
	d.KeyID = text("creator")
	if !validIRI(d.KeyID) || !dateTime.MatchString(text("created")) || !token.MatchString(text("nonce")) || !token.MatchString(text("domain")) {
		return refused("signature: creator, created, nonce or domain")
	}
	var err error
	if d.Created, err = time.Parse(time.RFC3339, text("created")); err != nil {
		return refused("signature: created is not a date")
	}
	d.value, err = base64.StdEncoding.DecodeString(text("signatureValue"))
	if err != nil || len(d.value) == 0 || len(d.value) > maxSignatureBytes {
		return refused("signature: value is not base64")
	}
	const dc, sec = "http://purl.org/dc/terms/", "https://w3id.org/security#"
	quads := []string{
		fmt.Sprintf("_:c14n0 <%screated> %q^^<%sdateTime> .\n", dc, text("created"), xsd),
		fmt.Sprintf("_:c14n0 <%screator> <%s> .\n", dc, d.KeyID),
	}
	for _, name := range []string{"domain", "nonce"} {
		if _, ok := sig[name]; ok {
			quads = append(quads, fmt.Sprintf("_:c14n0 <%s%s> %q .\n", sec, name, text(name)))
		}
	}
	slices.Sort(quads)
	d.options = strings.Join(quads, "")
	return nil
}

// Verify reports whether key signed the document. The first call canonicalises
// it, which takes milliseconds; a second one, with another key, does not. Errors:
// signature.ErrInvalid, ErrAlgorithm for a key that is not RSA, ErrMalformed for a
// document whose statements cannot be taken apart.
func (d *Document) Verify(key crypto.PublicKey) error {
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: %s with a key of type %T", signature.ErrAlgorithm, signatureType, key)
	}
	if d.digests == nil {
		if err := d.canonicalise(); err != nil {
			return err
		}
	}
	for _, digest := range d.digests {
		if rsa.VerifyPKCS1v15(rsaKey, crypto.SHA256, digest, d.value) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %s", signature.ErrInvalid, signatureType)
}

// Statement is what the signature covers, as an ActivityStreams document: names
// that the context does not define, or gives another meaning, are not in it as
// what they look like. It is nil until Verify has returned nil or ErrInvalid, and means
// nothing unless it returned nil.
func (d *Document) Statement() []byte { return d.statement }

// canonicalise expands the document, and finds what was signed: the SHA-256 of
// the hexadecimal SHA-256s of the signature's statements and the document's. Should
// json-gold panic, which no fuzzing has brought it to, the document is refused.
func (d *Document) canonicalise() (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.digests, d.statement = nil, nil
			err = refused("json-gold: %v", p)
		}
	}()
	root, err := tree(d.body)
	if err != nil {
		return err
	}
	if d.statement, err = root.statement(); err != nil {
		return err
	}
	// JSON-LD 1.1 lets processors write the tags of languages in lower case or not:
	// jsonld.js (Misskey, Fedify) does, Ruby's json-ld (Mastodon) keeps "pt-BR".
	for _, lower := range []bool{false, true} {
		quads := root.quads(lower)
		if lower && !quads.mixed {
			break
		}
		if err := quads.checkTangle(); err != nil {
			return err
		}
		text, err := quads.canonical()
		if err != nil {
			return err
		}
		signed := sha256.Sum256([]byte(hexSum(d.options) + hexSum(text)))
		d.digests = append(d.digests, signed[:])
	}
	return nil
}

func tree(body map[string]any) (*node, error) {
	written := make(map[string]string)
	languages(body, written)
	expanded, err := expandDocument(body)
	if err != nil {
		return nil, err
	}
	return build(expanded, written)
}

func expandDocument(body map[string]any) (expanded any, err error) {
	opts := options()
	expanded, err = ld.NewJsonLdApi().Expand(ld.NewContext(nil, opts), "", body, opts, false, nil)
	if err != nil {
		return nil, refused("%v", err)
	}
	return expanded, nil
}

func options() *ld.JsonLdOptions {
	return &ld.JsonLdOptions{
		ProcessingMode: ld.JsonLd_1_1, DocumentLoader: loader{}, CompactArrays: true,
		Algorithm: ld.AlgorithmURDNA2015, Format: "application/n-quads",
	}
}

// canonical writes the dataset as canonical N-Quads (URDNA2015). It changes the quads.
func (d *dataset) canonical() (string, error) {
	set := ld.NewRDFDataset()
	set.Graphs = d.graphs
	text, err := ld.NewJsonLdApi().Normalize(set, options())
	if err != nil {
		return "", refused("%v", err)
	}
	return text.(string), nil
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
