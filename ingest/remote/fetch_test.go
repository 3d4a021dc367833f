package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tributary/ingest/signature"
)

func TestObject(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	note := func(id string) object {
		return object{"id": id, "type": "Note", "content": "hello"}
	}
	uri := p.serve("/n/1", note(p.URL+"/n/1"))
	f := func(name, uri string, want error, id string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			raw, err := c.Object(t.Context(), uri)
			if !errors.Is(err, want) || Result(err) != Result(want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			if err == nil && !bytes.Contains(raw, []byte(id)) {
				t.Errorf("got %s", raw)
			}
		})
	}
	f("its own", uri, nil, uri)
	f("with fragment", uri+"#x", nil, uri)
	f("id elsewhere on the host", p.serve("/@vera/1", note(uri)), nil, uri)

	p.handle("/moved", redirect("/n/1"))
	f("redirect", p.URL+"/moved", nil, uri)
	other := newPeer(t)
	other.handle("/n/1", redirect(uri))
	f("redirect to another origin", other.URL+"/n/1", nil, uri)
	f("id of another origin is fetched there", other.serve("/spoof", note(uri)), nil, uri)
	f("and believed only there", other.serve("/spoof2", note(p.URL+"/missing")), ErrNotFound, "")
	p.serve("/lies", note(uri+"x"))
	p.serve("/n/1x", note(uri))
	f("ids that point on and on", p.URL+"/lies", ErrMismatch, "")

	f("not found", p.URL+"/nothing", ErrNotFound, "")
	for code, want := range map[int]error{
		410: ErrGone, 404: ErrNotFound, 401: ErrRefused, 403: ErrRefused, 400: ErrRefused, 429: ErrTemporary, 500: ErrTemporary, 503: ErrTemporary,
		204: ErrRefused, 304: ErrRefused,
	} {
		p.handle("/status", status(code))
		f(http.StatusText(code), p.URL+"/status", want, "")
	}
	f("tombstone", p.serve("/t", object{"id": p.URL + "/t", "type": "Tombstone"}), ErrGone, "")
	f("tombstone in an array", p.serve("/t2", object{"id": p.URL + "/t2", "type": []string{"Note", "Tombstone"}}), ErrGone, "")
	f("no id", p.serve("/noid", object{"type": "Note"}), ErrMalformed, "")
	f("id is a number", p.serve("/numid", object{"id": 5, "type": "Note"}), ErrMalformed, "")
	f("not JSON", p.serve("/html", "<html>"), ErrMalformed, "")
	f("an array", p.serve("/array", "[]"), ErrMalformed, "")
	f("empty", p.serve("/empty", ""), ErrMalformed, "")
	f("cut off", p.serve("/cut", `{"id":"x"`), ErrMalformed, "")
	f("two values", p.serve("/two", `{"id":"`+p.URL+`/two"}{}`), ErrMalformed, "")
	f("two ids", p.serve("/twice", `{"id":"https://victim.example/","type":"Note","id":"`+p.URL+`/twice"}`), ErrMalformed, "")
	f("two spellings of id", p.serve("/case", `{"id":"https://victim.example/","type":"Note","ID":"`+p.URL+`/case"}`), ErrMalformed, "")
	f("id and @id", p.serve("/at", `{"@id":"https://victim.example/","type":"Note","id":"`+p.URL+`/at"}`), ErrMalformed, "")
	f("escaped id", p.serve("/esc", `{"id":"`+p.URL+`/esc","type":"Note","\u0069d":"https://victim.example/"}`), ErrMalformed, "")
	f("deep", p.serve("/deep", `{"id":"`+p.URL+`/deep","x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`), ErrMalformed, "")
}

func TestRedirects(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	uri := p.serve("/end", object{"id": p.URL + "/end", "type": "Note"})
	p.handle("/3", redirect("/2"))
	p.handle("/2", redirect("/1"))
	p.handle("/1", redirect("/end"))
	p.handle("/4", redirect("/3"))
	p.handle("/loop", redirect("/loop"))
	p.handle("/nowhere", status(http.StatusFound))
	p.handle("/file", redirect("file:///etc/passwd"))
	f := func(path string, want error) {
		t.Helper()
		if _, err := c.Object(t.Context(), p.URL+path); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	f("/3", nil)
	f("/4", ErrRedirect)
	f("/loop", ErrRedirect)
	f("/nowhere", ErrRedirect)
	f("/file", ErrMalformed)
	if got := p.hit("/loop"); got != 1+maxRedirects {
		t.Errorf("%d requests in a loop of redirects", got)
	}
	_ = uri

	// From https nothing leads to http.
	secure := httptest.NewTLSServer(redirect(p.URL + "/end"))
	defer secure.Close()
	c.transport.TLSClientConfig.RootCAs = secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, err := c.Object(t.Context(), secure.URL+"/x"); !errors.Is(err, ErrRedirect) {
		t.Errorf("from https to http: %v", err)
	}
}

// TestRedirectToPrivate: a server that may be called redirects to one that may not, which
// hears nothing.
func TestRedirectToPrivate(t *testing.T) {
	public, private := newPeer(t), newPeer(t)
	private.serve("/secret", object{"id": private.URL + "/secret", "type": "Note"})
	public.handle("/n", redirect(private.URL+"/secret"))
	public.serve("/id", object{"id": private.URL + "/secret", "type": "Note"})
	allowed := netip.MustParseAddrPort(strings.TrimPrefix(public.URL, "http://"))
	c := newTestClient(t, devConfig(), nil, func(a netip.AddrPort) error {
		if a == allowed {
			return nil
		}
		return Config{}.permit(a)
	})
	for _, path := range []string{"/n", "/id"} {
		if _, err := c.Object(t.Context(), public.URL+path); !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if private.hit("/secret") != 0 {
		t.Error("the private server was called")
	}
}

func TestContentTypes(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	f := func(contentType string, want error) {
		t.Helper()
		p.handle("/n", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = strings.Split(contentType, "|")
			_, _ = w.Write(marshal(object{"id": p.URL + "/n", "type": "Note"}))
		})
		if _, err := c.Object(t.Context(), p.URL+"/n"); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", contentType, err, want)
		}
	}
	f(`application/activity+json`, nil)
	f(`Application/Activity+JSON; charset=utf-8`, nil)
	f(`application/activity+json; charset`, nil)
	f(`application/activity+json; profile="https://www.w3.org/ns/activitystreams"`, nil)
	f(`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, nil)
	f(`application/ld+json;charset=utf-8;profile="https://www.w3.org/ns/activitystreams"`, nil)
	f(`application/ld+json; profile="https://www.w3.org/ns/activitystreams"; charset=utf-8`, nil)
	f(`application/ld+json; profile="http://a.example/ https://www.w3.org/ns/activitystreams"`, nil)
	f(`application/ld+json; profile=https://www.w3.org/ns/activitystreams`, nil)
	for _, bad := range []string{
		``, `application/ld+json`, `application/ld+json; profile="https://a.example"`, `application/json`, `text/html`, `text/plain`,
		`application/ld+json; x="https://www.w3.org/ns/activitystreams"`, `application/activity+jsonx`, `image/png; x=application/activity+json`,
		`text/html|application/activity+json`, `application/activity+json|text/html`,
	} {
		f(bad, ErrContentType)
	}
}

func TestBodies(t *testing.T) {
	cfg := devConfig()
	cfg.HeaderTimeout, cfg.FetchTimeout = 100*time.Millisecond, 300*time.Millisecond
	patient, hasty, p := devClient(t), newTestClient(t, cfg, nil, nil), newPeer(t)
	f := func(name string, want error, h http.HandlerFunc) {
		t.Helper()
		c := patient
		if errors.Is(want, context.DeadlineExceeded) {
			c, want = hasty, ErrTemporary
		}
		t.Run(name, func(t *testing.T) {
			t.Helper()
			p.handle("/n", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", activityJSON)
				h(w, r)
			})
			if _, err := c.Object(t.Context(), p.URL+"/n"); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			c.clock.forward(time.Hour) // past any backoff
		})
	}
	chunk := bytes.Repeat([]byte(" "), 1<<10)
	f("endless", ErrTooLarge, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	f("said to be large", ErrTooLarge, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10000000")
		_, _ = w.Write(chunk)
	})
	f("just too large", ErrTooLarge, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), maxDocumentBytes+1))
	})
	f("just not too large", nil, func(w http.ResponseWriter, _ *http.Request) {
		head := `{"id":"` + p.URL + `/n"`
		_, _ = io.WriteString(w, head+strings.Repeat(" ", maxDocumentBytes-len(head)-1)+"}")
	})
	f("slow", context.DeadlineExceeded, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	})
	f("header only", context.DeadlineExceeded, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f("no header", context.DeadlineExceeded, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f("error page that trickles", ErrRefused, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the client leaves
	})
	f("cut off", ErrTemporary, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{"))
		panic(http.ErrAbortHandler)
	})
	f("huge header", ErrTemporary, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", maxHeaderBytes))
	})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20))
	_ = z.Close()
	f("compressed unasked", ErrMalformed, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compression was asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
}

// TestSignedGet: what arrives is signed by us and says what we accept.
func TestSignedGet(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	seen := make(chan error, 1)
	p.handle("/n", func(w http.ResponseWriter, r *http.Request) {
		s, err := signature.Parse(r)
		if err == nil {
			err = s.Verify(r, nil, &ourKey().PublicKey, time.Now())
		}
		if err == nil && (r.Header.Get("Accept") != accept || r.Header.Get("User-Agent") != "Tributary") {
			err = errors.New("headers")
		}
		seen <- err
		answer(object{"id": p.URL + "/n", "type": "Note"})(w, r)
	})
	if _, err := c.Object(t.Context(), p.URL+"/n"); err != nil {
		t.Fatal(err)
	}
	if err := <-seen; err != nil {
		t.Error(err)
	}
}

// TestProxyOfEnvironment: the proxy of the environment is not asked.
func TestProxyOfEnvironment(t *testing.T) {
	c := devClient(t)
	if c.transport.Proxy != nil {
		t.Error("the transport has a proxy")
	}
}

// TestDelivery: Do follows nothing, keeps its connection when answers are drained, and
// ends with its context.
func TestDelivery(t *testing.T) {
	c, p := devClient(t), newPeer(t)
	p.handle("/inbox", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("User-Agent") != "Tributary" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"status":"Accepted"}`))
	})
	p.handle("/moved", redirect("/inbox"))
	post := func(ctx context.Context, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return c.Do(r)
	}
	for range 20 {
		resp, err := post(t.Context(), "/inbox")
		if err != nil {
			t.Fatal(err)
		}
		if body := Drain(resp.Body); resp.StatusCode != http.StatusAccepted || len(body) == 0 {
			t.Errorf("status %d, body %q", resp.StatusCode, body)
		}
	}
	resp, err := post(t.Context(), "/moved")
	if err != nil {
		t.Fatal(err)
	}
	Drain(resp.Body)
	if resp.StatusCode != http.StatusFound || p.hit("/inbox") != 20 {
		t.Errorf("status %d after a redirect", resp.StatusCode)
	}

	p.handle("/hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // net/http sees that a client left only after the body
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	resp, err = post(ctx, "/hang")
	if err == nil {
		Drain(resp.Body)
	}
	if !errors.Is(err, ErrTemporary) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hanging: %v", err)
	}
}

// TestConnections counts connections over TLS: HTTP/2 with the classical curve, and
// HTTP/1 answers that are drained, both keep one.
func TestConnections(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		p := &peer{handlers: map[string]http.HandlerFunc{}, hits: map[string]int{}}
		p.Server = httptest.NewUnstartedServer(p)
		p.EnableHTTP2 = h2
		p.StartTLS()
		t.Cleanup(p.Close)
		ports, protos := map[string]bool{}, map[string]bool{}
		p.handle("/inbox", func(w http.ResponseWriter, r *http.Request) {
			ports[r.RemoteAddr], protos[r.Proto] = true, true // requests come one after the other
			_, _ = w.Write(make([]byte, 45))
		})
		c := devClient(t)
		c.transport.TLSClientConfig.RootCAs = p.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		for range 10 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/inbox", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			Drain(resp.Body)
		}
		if want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[h2]; len(ports) != 1 || !protos[want] {
			t.Errorf("%d connections, %v", len(ports), protos)
		}
	}
}

func TestDrainIsBounded(t *testing.T) {
	if got := len(Drain(io.NopCloser(endless{}))); got != maxDrainBytes {
		t.Errorf("%d bytes", got)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// FuzzPeek: no document panics, and what is found is found by encoding/json too.
func FuzzPeek(f *testing.F) {
	f.Add([]byte(`{"id":"https://a.example/","type":["Note"],"publicKey":{"owner":"x"}}`))
	f.Add([]byte(`{"id":1,"ID":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := peek(raw)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("unnamed error %v", err)
		}
		if err == nil && h.id != "" {
			if _, err := url.Parse(h.id); err == nil {
				names(h.id, h.id)
			}
		}
	})
}
