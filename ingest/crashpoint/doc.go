// Package crashpoint names the places where a test kills the process.
//
// Hit is empty in a normal build. Built with the tag "crashpoint" it sends the
// process SIGKILL when TRIBUTARY_CRASH names the point, "after-append" or
// "after-append:7" for the seventh time that it is reached. The points are
// constants here, so that the list is the list of crash cases that the package
// docs describe.
package crashpoint

// A Point is a place in the write order whose crash case is described above the write.
type Point string

// The named crash points of the spine.
const (
	AfterFetchRow  Point = "after-fetch-row" // fetch row committed, request not yet answered
	AfterAppend    Point = "after-append"    // record acknowledged by Kafka, request not yet answered
	BeforeState    Point = "before-state"    // batch read by the state cursor, transaction not begun
	BeforePosition Point = "before-position" // deliveries answered, lane position not saved
)

// Points lists all of them, for the tests that walk them.
func Points() []Point { return []Point{AfterFetchRow, AfterAppend, BeforeState, BeforePosition} }
