package state

import (
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// Subscribers of a program that knew no topics follow all that passes, with all that was
// kept of them, and an actor may have topics beside that.
func TestSubscribersGetTopics(t *testing.T) { both(t, testSubscribersGetTopics) }

func testSubscribersGetTopics(t *testing.T, dsn string) {
	list, err := embeddedMigrations()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(list, func(m migration) bool { return m.name == "topics" })
	old, err := open(t.Context(), dsn, slog.New(slog.DiscardHandler), list[:at])
	if err != nil {
		t.Fatal(err)
	}
	const columns = `actor, host, inbox, delivery, follow, object, state, style, role, back, back_state, filter, created_at, updated_at`
	const values = `'https://a.example/actor', 'a.example', 'in', 'shared', 'id', 'Public', 'pending', 1, 'paused', 'back', 'accepted', '{}', 7, 8`
	err = old.Write(t.Context(), written(t, `INSERT INTO subscribers (`+columns+`) VALUES (`+values+`)`))
	_ = old.Close()
	if err != nil {
		t.Fatal(err)
	}
	db, err := open(t.Context(), dsn, slog.New(slog.DiscardHandler), list)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var text string
	err = db.Read().QueryRow(`SELECT topic || '|' || actor || '|' || host || '|' || inbox || '|' || delivery || '|' || follow || '|' || object || '|' || state || '|' || style ||
		'|' || role || '|' || back || '|' || back_state || '|' || filter || '|' || created_at || '|' || updated_at FROM subscribers`).Scan(&text)
	if want := "|https://a.example/actor|a.example|in|shared|id|Public|pending|1|paused|back|accepted|{}|7|8"; err != nil || text != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
	for _, topic := range []string{"tag/a", "tag/b"} {
		query := fmt.Sprintf(`INSERT INTO subscribers (topic, %s) VALUES ('%s', %s)`, columns, topic, values)
		if err := db.Write(t.Context(), written(t, query)); err != nil {
			t.Error(err)
		}
		if err := db.Write(t.Context(), written(t, query)); err == nil {
			t.Errorf("%s twice", topic)
		}
	}
}

func written(t *testing.T, query string) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), query)
		return err
	}
}
