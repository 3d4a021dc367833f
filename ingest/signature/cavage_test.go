package signature

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func withSignature(values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/inbox", nil)
	r.Header["Signature"] = values
	r.Header.Set("Date", "Fri, 02 Jan 2026 03:04:05 GMT")
	return r
}

func TestParse(t *testing.T) {
	const value = `signature="aGVsbG8="`
	f := func(name string, want error, headers ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if _, err := Parse(withSignature(headers...)); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	f("plain", nil, `keyId="https://a.example/#k",algorithm="rsa-sha256",headers="(request-target) host date",`+value)
	f("blanks", nil, ` keyId = "https://a.example/#k" , headers="date  host",	`+value+` `)
	f("comma in keyId", nil, `keyId="https://a.example/a,b=c#k",`+value)
	f("created as number", nil, `keyId="k",created=1767323045,headers="(created)",`+value)
	f("created in quotes", nil, `keyId="k",created="1767323045",headers="(created)",`+value)
	f("unknown parameter", nil, `keyId="k",opaque="x",`+value)
	f("no list means date", nil, `keyId="k",`+value)
	f("none", ErrMissing)
	f("two headers", ErrMalformed, `keyId="k",`+value, `keyId="k",`+value)
	f("empty", ErrMalformed, ``)
	f("no keyId", ErrMalformed, value)
	f("empty keyId", ErrMalformed, `keyId="",`+value)
	f("long keyId", ErrMalformed, `keyId="`+strings.Repeat("k", maxKeyIDBytes+1)+`",`+value)
	f("no signature", ErrMalformed, `keyId="k"`)
	f("keyId twice", ErrMalformed, `keyId="k",keyId="k",`+value)
	f("headers twice", ErrMalformed, `keyId="k",headers="date",headers="host",`+value)
	f("signature twice", ErrMalformed, `keyId="k",signature="aGVsbG8=",`+value)
	f("algorithm twice", ErrMalformed, `keyId="k",algorithm="hs2019",algorithm="rsa-sha256",`+value)
	f("unknown twice", ErrMalformed, `keyId="k",x=1,x=1,`+value)
	f("header listed twice", ErrMalformed, `keyId="k",headers="date host Date",`+value)
	f("empty list", ErrMalformed, `keyId="k",headers="",`+value)
	f("long list", ErrMalformed, `keyId="k",headers="`+strings.Repeat("x ", maxSignedHeaders+1)+`",`+value)
	f("unknown pseudo-header", ErrMalformed, `keyId="k",headers="(status) date",`+value)
	f("name with newline", ErrMalformed, "keyId=\"k\",headers=\"date\u0085x: host\","+value)
	f("other blanks", ErrMalformed, "keyId=\"k\",headers=\"date\u00a0host\","+value)
	f("letter that lower case makes ASCII", ErrMalformed, "keyId=\"k\",headers=\"\u212aey\","+value)
	f("half a pseudo-header", ErrMalformed, `keyId="k",headers="(request-target date",`+value)
	f("created not given", ErrMalformed, `keyId="k",headers="(created)",`+value)
	f("expires not given", ErrMalformed, `keyId="k",headers="date (expires)",`+value)
	f("created no number", ErrMalformed, `keyId="k",created="now",`+value)
	f("created negative", ErrMalformed, `keyId="k",created=-1,`+value)
	f("created huge", ErrMalformed, `keyId="k",created=99999999999999999,`+value)
	f("not base64", ErrMalformed, `keyId="k",signature="a b"`)
	f("base64 with other last bits", ErrMalformed, `keyId="k",signature="aGVsbG9="`)
	f("signature too long", ErrMalformed, `keyId="k",signature="`+strings.Repeat("AAAA", 400)+`"`)
	f("header too long", ErrMalformed, `keyId="k",x="`+strings.Repeat("x", maxHeaderBytes)+`",`+value)
	f("many parameters", ErrMalformed, `a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,keyId="k",`+value)
	f("open quote", ErrMalformed, `keyId="k,`+value)
	f("escape", ErrMalformed, `keyId="k\"",`+value)
	f("trailing comma", ErrMalformed, `keyId="k",`+value+`,`)
	f("no comma", ErrMalformed, `keyId="k"`+value)
	f("RFC 9421 value", ErrMalformed, `sig1=:aGVsbG8=:`)
}

func TestParseDate(t *testing.T) {
	signed := `keyId="k",headers="date",signature="aGVsbG8="`
	for _, bad := range [][]string{nil, {"yesterday"}, {""}, {"Fri, 02 Jan 2026 03:04:05 GMT", "Fri, 02 Jan 2026 03:04:05 GMT"}} {
		r := withSignature(signed)
		r.Header["Date"] = bad
		if _, err := Parse(r); !errors.Is(err, ErrMalformed) {
			t.Errorf("Date %q: %v", bad, err)
		}
	}
}

func TestHashAndExpires(t *testing.T) {
	s, err := Parse(withSignature(`keyId="k",headers="date",signature="aGVsbG8="`))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Parse(withSignature(`signature="aGVsbG8=", keyId="k2" , headers="date"`))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Hash()) != 16 || string(s.Hash()) != string(other.Hash()) {
		t.Errorf("hashes %x, %x", s.Hash(), other.Hash())
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if want := at.Add(MaxAge + time.Second); !s.Expires().Equal(want) {
		t.Errorf("expires %s, want %s", s.Expires(), want)
	}
	// The moment that Expires names is one at which the window is closed.
	if err := s.checkWindow(s.Expires()); !errors.Is(err, ErrStale) {
		t.Errorf("window still open: %v", err)
	}
	if err := s.checkWindow(at.Add(MaxAge)); err != nil {
		t.Errorf("window closed early: %v", err)
	}
	short, err := Parse(withSignature(`keyId="k",created=1767323045,expires=1767323345,headers="date (created) (expires)",signature="aGVsbG8="`))
	if err != nil {
		t.Fatal(err)
	}
	if want := at.Add(5*time.Minute + pseudoSkew + time.Second); !short.Expires().Equal(want) {
		t.Errorf("expires %s, want %s", short.Expires(), want)
	}
}

// FuzzParse: no header panics, and what is accepted reads the same again after
// httpsig's form of it was written.
func FuzzParse(f *testing.F) {
	f.Add(`keyId="https://a.example/#k",algorithm="rsa-sha256",headers="(request-target) host date digest content-type",signature="aGVsbG8="`, "Fri, 02 Jan 2026 03:04:05 GMT")
	f.Add(`keyId="k",created=1767323045,expires="1767323345",headers="(created) (expires)",signature="aGVsbG8="`, "")
	f.Add(`sig1=:aGVsbG8=:`, "x")
	f.Add(`keyId="a,b",keyId=`, "x")
	f.Fuzz(func(t *testing.T, header, date string) {
		r := withSignature(header)
		r.Header["Date"] = []string{date}
		s, err := Parse(r)
		if err != nil {
			if Reason(err) == "other" {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		again, err := parseHeader(s.canonical())
		if err != nil {
			t.Fatalf("own form is refused: %v", err)
		}
		if string(again.Hash()) != string(s.Hash()) || strings.Join(again.headers, " ") != strings.Join(s.headers, " ") {
			t.Fatalf("read as %v, then as %v", s, again)
		}
		if err := s.Verify(r, nil, &testKey().PublicKey, time.Unix(1767323045, 0)); err == nil {
			t.Fatal("verified")
		}
	})
}
