package simulator

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tributary/ingest/signature"
)

// dialect is how a software signs a POST (draft-cavage-http-signatures).
type dialect struct {
	headers   []string
	algorithm string
}

// dialectOf: all cover what a careful inbox asks for, each in its own order.
func (w *software) dialectOf() dialect {
	switch w.name {
	case "misskey", "sharkey", "iceshrimp.net":
		return dialect{[]string{"(request-target)", "date", "host", "digest"}, "rsa-sha256"}
	case "pleroma", "akkoma":
		return dialect{[]string{"(request-target)", "content-length", "date", "digest", "host"}, "rsa-sha256"}
	case "gotosocial": // as go-fed/httpsig calls it
		return dialect{[]string{"(request-target)", "host", "date", "digest"}, "hs2019"}
	case "friendica":
		return dialect{[]string{"(request-target)", "date", "digest", "content-length", "host"}, "rsa-sha256"}
	case "lemmy":
		return dialect{[]string{"(request-target)", "content-type", "date", "digest", "host"}, "hs2019"}
	}
	return dialect{[]string{"(request-target)", "host", "date", "digest", "content-type"}, "rsa-sha256"}
}

// signing bounds the RSA operations at once: hundreds of goroutines that sign make every
// timer late.
var signing = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// signPost sets Date, Digest and Signature. It is written again here, beside
// ingest/signature, because servers differ in it, and because that one signs no old dates.
func (a *account) signPost(r *http.Request, body []byte, date time.Time) error {
	return a.signWith(a.site.software.dialectOf(), r, body, date)
}

func (a *account) signWith(way dialect, r *http.Request, body []byte, date time.Time) error {
	signing <- struct{}{}
	defer func() { <-signing }()
	if date.IsZero() {
		date = time.Now()
	}
	r.Header.Set("Date", date.UTC().Format(http.TimeFormat))
	r.Header.Set("Digest", signature.Digest(body))
	lines := make([]string, len(way.headers))
	for i, name := range way.headers {
		lines[i] = name + ": " + signedValue(r, name, len(body))
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	signed, err := rsa.SignPKCS1v15(nil, a.key, crypto.SHA256, sum[:])
	if err != nil {
		return fmt.Errorf("simulator: signing: %w", err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="%s",headers="%s",signature="%s"`,
		a.keyID(), way.algorithm, strings.Join(way.headers, " "), base64.StdEncoding.EncodeToString(signed)))
	return nil
}

func signedValue(r *http.Request, name string, length int) string {
	switch name {
	case "(request-target)":
		return strings.ToLower(r.Method) + " " + r.URL.RequestURI()
	case "host":
		return r.URL.Host
	case "content-length":
		return strconv.Itoa(length)
	}
	return r.Header.Get(name)
}
