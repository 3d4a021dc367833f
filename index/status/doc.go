// Package status renders a post and its author as Mastodon JSON: the Status and
// Account entities of the Mastodon client API. It is the only renderer: the
// streams, the index and the hosted accounts all show what it says, so a post
// looks the same wherever a client meets it.
//
// A rendering is a pure function of one record of the log and of the server's
// public URL: no clock, no database, no other record. Every node, and every
// replay, renders the same bytes. What a single record cannot tell is therefore
// neutral here, and whoever knows better fills it in on the Status before it is
// encoded:
//
//   - in_reply_to_id and in_reply_to_account_id are null, reblog, quote and card too;
//   - the counts are 0, an author's last_status_at is null;
//   - what needs a signed-in reader (favourited, bookmarked, filtered …) is left out;
//   - a poll has expired if it had when the record arrived.
//
// It does not sanitise. ingest/ap did that once, at the edge: Content, Note and
// the values of Fields are safe HTML already, everything else is plain text, and
// URLs are absolute http(s). What the package adds to HTML itself (the title of
// an Article) it escapes.
//
// # Invariants
//
//   - The output is valid JSON and valid UTF-8 for any record, and every field that
//     Tusky and toot read without a null check is there (TestFieldsClientsNeed).
//   - Ids are strings of decimal digits, below 2^63, never "0" for an account.
//   - Times have milliseconds and end in Z; they lie between the years 1900 and 9999,
//     and no post is younger than its arrival.
//   - AppendJSON and encoding/json agree on every Status (FuzzRender).
//
// # Files
//
//	render.go   a record becomes a Status
//	account.go  an author becomes an Account
//	media.go    attachments, emojis, polls
//	entity.go   the entities, as encoding/json sees them
//	append.go   the entities, appended to a buffer: what the streams use
//	json.go     JSON strings
//	id.go       AccountID and other ids made from URIs
//	time.go     times
package status
