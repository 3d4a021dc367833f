package ingest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tributary/ingest/ap"
)

// fullRecord has something in every field, so that a golden file covers them all.
func fullRecord() *Record {
	at := time.Date(2026, 3, 1, 12, 30, 15, 250_000_000, time.UTC)
	return &Record{
		Kind: KindUpdate, Object: "https://a.example/notes/1", ID: 116_000_000_000_000_001, Actor: "https://a.example/users/alice",
		Domain: "a.example", Version: at.UnixMilli(), Content: 0xfedcba9876543210, Tier: TierSearch, PrevTier: TierLive,
		Grant: GrantSubscriber, PrevGrant: GrantStream, Giver: "b.example", Verified: VerifiedHTTP, Activity: "Update",
		LDSigned: true, Raw: []byte(`{"type":"Update"}`), Scope: ScopeActor, Base: 77, Reason: "because", AuthorAt: at.UnixMilli(),
		Owner: []byte("0123456789abcdef"), PrevTopics: 0x4000900000000000,
		Author: &ap.Author{
			URI: "https://a.example/users/alice", Type: "Person", Username: "alice", Name: "Alice", Note: "<p>hi</p>",
			URL: "https://a.example/@alice", Avatar: "https://a.example/a.png", Header: "https://a.example/h.png", Created: at,
			Bot: true, Locked: true, Discoverable: true, Indexable: true, Memorial: true, Suspended: true, OptOut: true,
			Fields: []ap.Field{{Name: "web", Value: "<a>x</a>"}}, Emojis: []ap.Emoji{{Shortcode: "blob", URL: "https://a.example/b.png"}},
			MovedTo: "https://c.example/alice",
		},
		Post: &ap.Post{
			URI: "https://a.example/notes/1", Type: "Question", URL: "https://a.example/@alice/1", Visibility: ap.Public,
			Published: at, Updated: at.Add(time.Hour), InReplyTo: "https://b.example/notes/9", Title: "T", Summary: "cw",
			Content: "<p>x</p>", Text: "x", Language: "en", Sensitive: true, Tags: []string{"go"},
			Mentions: []ap.Mention{{URI: "https://b.example/bob", Name: "@bob@b.example"}}, Links: []string{"https://l.example/"},
			Attachments: []ap.Media{{
				URL: "https://a.example/m.png", MediaType: "image/png", Type: "image", Description: "alt",
				Blurhash: "LEHV6", Width: 10, Height: 20, FocusX: 0.5, FocusY: -0.5,
			}},
			Emojis: []ap.Emoji{{Shortcode: "blob", URL: "https://a.example/b.png"}},
			Poll:   &ap.Poll{Options: []ap.PollOption{{Title: "yes", Votes: 2}}, Multiple: true, Ends: at, Closed: at, Voters: 2},
			Quote:  "https://b.example/notes/3", Context: "https://a.example/c/1", OptOut: true,
		},
	}
}

func TestGoldenRecords(t *testing.T) {
	for name, r := range map[string]*Record{
		"full":      fullRecord(),
		"heartbeat": {Kind: KindHeartbeat},
		"withdraw":  {Kind: KindWithdraw, Scope: ScopeDomain, Object: "a.example", Domain: "a.example", PrevTier: TierSearch, Version: 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "record_v1_"+name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				b, err := Encode(r)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Decode(stored)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, r) {
				gotJSON, _ := json.Marshal(got)
				wantJSON, _ := json.Marshal(r)
				t.Errorf("golden record reads as\n%s, want\n%s", gotJSON, wantJSON)
			}
		})
	}
}

func TestDecodeSkipsWhatItDoesNotKnow(t *testing.T) {
	future, err := cbor.Marshal(map[any]any{1: 200, 2: "https://a.example/1", 99: []string{"new"}, "name": 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode(append([]byte{codecVersion}, future...))
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind.Known() || r.Object != "https://a.example/1" {
		t.Errorf("future record reads as %+v", r)
	}
	if _, err := Decode([]byte{codecVersion + 1, 0xa0}); !errors.Is(err, ErrCodecVersion) {
		t.Errorf("another version: %v", err)
	}
	if _, err := Decode(nil); !errors.Is(err, ErrCodecVersion) {
		t.Errorf("empty value: %v", err)
	}
}

func TestEncodeRefusesWhatKafkaWould(t *testing.T) {
	if _, err := Encode(&Record{Kind: KindCreate, Raw: make([]byte, MaxRecordBytes)}); !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	full, _ := Encode(fullRecord())
	f.Add(full)
	f.Add(Heartbeat())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil {
			return // longer than it was: CBOR allows indefinite forms
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := fullRecord()
	r.Raw = make([]byte, 3<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode bounds the cost of reading the log: each record is decoded
// once for all hot readers.
func BenchmarkDecode(b *testing.B) {
	r := fullRecord()
	r.Raw = make([]byte, 3<<10)
	v, _ := Encode(r)
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(v); err != nil {
			b.Fatal(err)
		}
	}
}
