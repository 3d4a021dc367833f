package server

import (
	"errors"
	"fmt"
	"net/http"

	"tributary/index/engine/chdb"
)

// ErrStart says that the engine does not start; what it wrote to standard error says more.
var ErrStart = errors.New("engine: ClickHouse does not start")

// ClickHouse's numbers of the errors that we find before the engine does, with their names.
const (
	badArguments     = 36
	notImplemented   = 48
	syntaxError      = 62
	unknownSetting   = 115
	networkError     = 210
	intoOutfile      = 233
	tooManyQueries   = 202
	unknownException = 1002

	authenticationFailed = 516
)

var names = map[int]string{
	badArguments:     "BAD_ARGUMENTS",
	notImplemented:   "NOT_IMPLEMENTED",
	syntaxError:      "SYNTAX_ERROR",
	unknownSetting:   "UNKNOWN_SETTING",
	networkError:     "NETWORK_ERROR",
	intoOutfile:      "INTO_OUTFILE_NOT_ALLOWED",
	tooManyQueries:   "TOO_MANY_SIMULTANEOUS_QUERIES",
	unknownException: "UNKNOWN_EXCEPTION",

	authenticationFailed: "AUTHENTICATION_FAILED",
}

// refuse makes an error in ClickHouse's words.
func refuse(code int, format string, args ...any) error {
	return &chdb.Error{
		Code: code,
		Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), names[code]),
	}
}

// asError gives every error a code and a text that clients can read.
func asError(err error) *chdb.Error {
	var e *chdb.Error
	if errors.As(err, &e) && e.Code != 0 {
		return e
	}
	return &chdb.Error{
		Code: unknownException,
		Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", unknownException, err, names[unknownException]),
	}
}

// status is the HTTP status of an error: the one that a ClickHouse server gives, for those that clients meet.
// Clients go by the code.
func status(code int) int {
	switch code {
	case 60, 81, 46, 47, 50, 56, unknownSetting: // an unknown table, database, function, identifier, type, engine, setting
		return http.StatusNotFound
	case syntaxError, badArguments, 6, 26, 27, 38, 41, 43, 53, 72, 117, 233, 456, 457:
		return http.StatusBadRequest
	case 164, 392, 497, 512, authenticationFailed: // read-only, query is prohibited, access denied, role not granted
		return http.StatusForbidden
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case notImplemented:
		return http.StatusNotImplemented
	case tooManyQueries, 209, 439:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
