// Package api answers the part of Mastodon's client API that needs no account:
// timelines, search, posts, authors, trends and the description of the server,
// so that Mastodon's apps and libraries can read what the index holds.
//
// # What it does not do
//
// It keeps nothing, asks no other server (resolve=true is ignored), and decides
// neither consent nor deletion: the index does, and what it gives is shown. As a
// second fence it shows no record below the tier of the surface, and logs one as
// an error. It renders through index/status only. The streams are package
// stream's; what needs an account (home timeline, notifications, posting) is not
// here, and answers 404.
//
// Lists that are empty by nature here (custom emojis, announcements, rules) are
// answered as empty, because apps ask for them at their start. Lists that could
// only be empty by ignorance are not answered, with one exception: the context of
// a post has no ancestors and no descendants, for apps show no post without one.
//
// # Invariants
//
//   - Every answer below /api is JSON, may be read by any web page (no cookies are
//     used), and is never sniffed. Errors are {"error":"…"}.
//   - Statuses come newest first. Following the Link headers in one direction
//     gives every post once, as far as the index does: pages are cut by id
//     (max_id, since_id, min_id), never by offset.
//   - A parameter that cannot be meant is 400, not ignored: a misspelt max_id would
//     give the first page again and again. What Mastodon clamps is clamped (limit).
//   - Timelines, search, posts and authors need a token with scope read, unless
//     there is no Authenticate. The description of the server and the trends do not.
//   - Without an index, or when it does not answer, what needs it is 503 with
//     Retry-After; the description of the server is answered.
//   - A request costs a bounded number of queries: at most 4 tags in each of any[],
//     all[], none[] (as Mastodon), 40 posts, and Config.Parallel queries at once.
//
// # Files
//
//	api.go        API, Queries, the routes
//	config.go     what an operator may set
//	errors.go     what a caller can tell apart
//	request.go    one request, from token to answer;  auth.go  its token
//	answer.go     headers and bodies;  failure.go  errors;  metrics.go
//	params.go     the query string;  page.go  paging and Link
//	render.go     records to JSON, through index/status
//	timelines.go  statuses.go  accounts.go  handle.go  search.go  trends.go
//	instance.go   the two descriptions of the server;  entity.go  their entities
//	empty.go      what is empty by nature
//	tagpage.go    the page that a hashtag's URL names, the only one here
package api
