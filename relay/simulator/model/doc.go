// Package model says what a relay must make visible where, given what it was told and
// what it took.
//
// It is the other half of a test: the simulator makes activities, each of which says in an
// Event what it means; the product answers them; the model is told both. Then everything
// that the product shows or sends is held against it.
//
// It is written from the rules (FEDERATION.md, and the invariants that the packages name),
// not from the product's code, of which it imports nothing, and it is naive: it keeps all
// events and goes through them again for each question.
//
//	event.go     what activities mean
package model
