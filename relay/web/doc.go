// Package web is what people and directories read of a relay: its front page, its
// status, who subscribed and who is blocked.
//
// # Purpose
//
//	GET /                          what this relay is, how to subscribe to it or to a part, figures, policy
//	GET /api/v1/relay/status       the figures as JSON
//	GET /api/v1/relay/subscribers  who subscribed, as JSON
//	GET /api/v1/relay/sources      whose posts are passed on, as JSON
//	GET /api/v1/relay/blocks       who is blocked and why, as JSON
//	GET, POST /relay/member        what a subscribed server gets, for who has its link
//	GET /assets/relay.css          the page's style
//
// # What it does not do
//
// It needs no sign-in and sets no cookie; it changes nothing but the filter of the
// member whose link was opened (relay.MemberLink). Operators' notes,
// actors' URIs, inboxes and errors of deliveries are not shown: admin has them.
// Of no server it says whether, when or how much it gives: one of a single author would be that author, and
// one of few as good as that. What is counted is counted of all together.
//
// # Invariants
//
//   - Every answer to GET is made of what is in memory; a request costs no query.
//   - A page holds no script, and what strangers wrote is escaped.
//   - Rates are of the last minutes of this process, by samples that Run takes.
//
// # Map
//
//	web.go      Site: New, Routes, Run
//	status.go   Status and the samples behind its rates
//	lists.go    subscribers and blocks
//	page.go     the front page
//	member.go   the page of a member
//	files/      templates and style
package web
