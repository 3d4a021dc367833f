package ingest

import "context"

// View says for which surface a Reader reads, and so what is hidden from it.
type View uint8

// The views.
const (
	ViewAll    View = iota // everything; for the state cursor
	ViewLane               // what may go to subscribed servers (tier relay, relayable grant)
	ViewStream             // what may be shown as it happens (tier live)
)

// Entry is a record as every reader of the log sees it, shared by all of them:
// its Record is never changed after it was published.
type Entry struct{ Record *Record }

// Form names a wire form that a stage encodes once per entry.
type Form uint8

// The forms. A stage owns its form's bytes.
const (
	FormFirehose Form = iota
	FormMastodon
	formCount
)

// Encoded returns the entry in form f, encoding it at the first call only.
func (e *Entry) Encoded(f Form, encode func(*Record) []byte) []byte { panic("todo") }

// Event is something about the log itself that a reader must be told.
type Event struct {
	Name string // EventExpired: records from From up to To were deleted before they could be read; EventRegressed: the log lost them
	From uint64 // first seq missing
	To   uint64 // first seq there again
}

// The named events.
const (
	EventExpired   = "expired"
	EventRegressed = "regressed"
)

// Batch is what one call of Next brings, in order: the events stand before the entries.
type Batch struct {
	Events  []Event
	Entries []*Entry
}

// Tail reads the log once for all readers of the process.
type Tail struct{}

// Tip is the seq of the newest record read from the log, 0 when there is none.
func (t *Tail) Tip() uint64 { panic("todo") }

// Reader starts at cursor: the first record that it brings is the first one
// visible in the view with seq >= cursor. A cursor of 0 is the log's start.
func (t *Tail) Reader(v View, cursor uint64) *Reader { panic("todo") }

// Reader is a pull cursor. It is not safe for concurrent use and holds no queue.
type Reader struct{}

// Next waits until there is something to bring, and brings at most limit
// entries. When ctx ends first it returns ctx's error and the reader stays
// usable: hidden records may have moved Position on.
func (r *Reader) Next(ctx context.Context, limit int) (Batch, error) { panic("todo") }

// Position is the seq of the last record that the reader has passed, brought or
// hidden: resuming at Position skips nothing. It starts as cursor-1 (0 for 0).
func (r *Reader) Position() uint64 { panic("todo") }
