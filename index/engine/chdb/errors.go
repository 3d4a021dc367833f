package chdb

import (
	"errors"
	"regexp"
	"strconv"
)

// ErrLibrary says that the library cannot be used.
var ErrLibrary = errors.New("chdb: library cannot be loaded")

// Error is what the engine says about a statement.
type Error struct {
	// Code is ClickHouse's number of the error; 0 if it said none.
	Code int
	// Text is the whole message, "Code: 60. DB::Exception: …".
	Text string
}

func (e *Error) Error() string { return e.Text }

var codePrefix = regexp.MustCompile(`^Code:\s*(\d{1,6})\.`)

// failure makes an error of what the library said; nothing is no error.
func failure(text string) error {
	if text == "" {
		return nil
	}
	e := &Error{Text: text}
	if m := codePrefix.FindStringSubmatch(text); m != nil {
		e.Code, _ = strconv.Atoi(m[1])
	}
	return e
}

var errNoResult = errors.New("chdb: the library gave no result")
