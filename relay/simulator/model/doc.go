// Package model says what a relay must make visible where, given what it was told and
// what it answered.
//
// It is the other half of a test: the simulator makes activities, each of which says in an
// Event what it means; the product answers them; the model is told both. Then everything
// that the product shows or sends is held against it.
//
// It is written from the rules (FEDERATION.md, and the invariants that the packages name),
// not from the product's code, of which it imports nothing. It is naive: nothing is
// concurrent, nothing forgotten, nothing fast.
//
// # What it does not do
//
// It knows no clock: what expires, and how soon something must be there, is the test's to
// say. Events about one object or one author must be told in the order in which they were
// answered; between others the order does not matter.
//
// # Files
//
//	event.go    what activities mean
//	model.go    Model: what was answered, and what is true after it
//	post.go     what posts do; author.go what their authors do
//	inbox.go    what a subscriber must and must not get
//	stream.go   what frames a reader may see, and what it knows afterwards
//	surface.go  timelines, search, single posts
package model
